package page

import (
	"net/http"
	"slices"
)

// panelContent is what the template of a page of panels needs.
type panelContent struct {
	PanelPage
	Span    Span
	Spans   []spanChoice
	Chosen  []chosen
	Tiles   []loadedTile
	Panels  []loaded
	Again   string // address of the page with the same choices
	Problem string
}

// Panels makes the handler of a page of panels.
func Panels(p PanelPage) func(*Renderer) http.HandlerFunc {
	return func(r *Renderer) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) { r.panels(w, req, p) }
	}
}

func (r *Renderer) panels(w http.ResponseWriter, req *http.Request, p PanelPage) {
	content, done := r.load(w, req, p)
	if done {
		return
	}
	name := "panels"
	if req.Header.Get("HX-Request") != "" {
		r.fragment(w, name, content)
		return
	}
	r.Page(w, req, http.StatusOK, name, p.Title, content)
}

// load reads the panels. done is true when the answer was written: the CSV of one panel, or
// an error.
func (r *Renderer) load(w http.ResponseWriter, req *http.Request, p PanelPage) (content panelContent, done bool) {
	query := req.URL.Query()
	content = panelContent{PanelPage: p, Spans: offered(p.Spans), Again: req.URL.RequestURI()}
	if p.Usual != "" {
		content.Span = spanOf(query, p.Usual, r.Now())
	}
	for _, choice := range p.Choices {
		one, err := choose(req.Context(), r.Figures, choice, query)
		if err != nil {
			r.FailRead(w, req, err)
			return content, true
		}
		content.Chosen = append(content.Chosen, one)
	}
	values := merged(content.Span, content.Chosen)
	if id := query.Get("csv"); id != "" {
		r.csv(w, req, p, id, values)
		return content, true
	}
	content.Tiles, content.Panels = load(req.Context(), r.Figures, p, values)
	for _, one := range content.Tiles {
		r.logPanic(one.err)
	}
	for _, one := range content.Panels {
		r.logPanic(one.err)
	}
	return content, false
}

// fragment writes the panels alone, for an automatic refresh.
func (r *Renderer) fragment(w http.ResponseWriter, name string, content panelContent) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := r.byFS[name].ExecuteTemplate(w, "figures", content); err != nil {
		r.Log.Debug("fragment not written", zapError(err))
	}
}

// csv writes the table of one panel.
func (r *Renderer) csv(w http.ResponseWriter, req *http.Request, p PanelPage, id string, values map[string]string) {
	at := slices.IndexFunc(p.Panels, func(one Panel) bool { return one.ID == id })
	if at < 0 {
		r.Fail(w, req, http.StatusNotFound, "This page has no such table.")
		return
	}
	t, err := tableOf(req.Context(), r.Figures, p.Panels[at], values)
	if err != nil {
		r.FailRead(w, req, err)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", `attachment; filename="pianola-`+id+`.csv"`)
	if t.Cut {
		w.Header().Set("Pianola-Rows-Left-Out", "true")
	}
	if err := t.WriteCSV(w); err != nil {
		r.Log.Debug("csv not written", zapError(err))
	}
}

// CSV is the address of the table of a panel, with the choices of the page.
func (c panelContent) CSV(id string) string {
	values := urlValues(c)
	values.Set("csv", id)
	return "?" + values.Encode()
}
