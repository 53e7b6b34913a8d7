package page

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"go.uber.org/zap"
)

// panelContent is what the template of a page of panels needs.
type panelContent struct {
	PanelPage
	Span   Span
	Chosen []chosen
	Tiles  []loadedTile
	Panels []loaded
	path   string
}

// Panels makes the handler of a page of panels that is the same for everybody who may open
// it. It is written once, and kept as long as the answers of its queries.
func Panels(p PanelPage) func(*Renderer) http.HandlerFunc {
	return func(r *Renderer) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) { r.panels(w, req, p, r.kept) }
	}
}

// Panels writes a page of panels that was made for this request.
func (r *Renderer) Panels(w http.ResponseWriter, req *http.Request, p PanelPage) {
	r.panels(w, req, p, r.unkept)
}

// panels answers with a table as CSV, or with the page by one of the functions kept and
// unkept.
func (r *Renderer) panels(w http.ResponseWriter, req *http.Request, p PanelPage, answer func(http.ResponseWriter, *http.Request, panelContent, bool)) {
	content, done := r.content(w, req, p)
	if !done {
		answer(w, req, content, req.Header.Get("HX-Request") != "")
	}
}

func (r *Renderer) unkept(w http.ResponseWriter, req *http.Request, content panelContent, fragment bool) {
	r.fill(req.Context(), &content)
	if !fragment {
		r.Page(w, req, http.StatusOK, "panels", content.Title, content)
		return
	}
	page, err := r.fragment(content)
	if err != nil {
		r.failTemplate(w, err)
		return
	}
	cut(page).send(w, req, http.StatusOK, nil)
}

// load reads the panels. done is true when the answer was written: the CSV of one panel, or
// an error.
func (r *Renderer) load(w http.ResponseWriter, req *http.Request, p PanelPage) (content panelContent, done bool) {
	if content, done = r.content(w, req, p); !done {
		r.fill(req.Context(), &content)
	}
	return content, done
}

// content reads the span and the choices of a request. done is as in load.
func (r *Renderer) content(w http.ResponseWriter, req *http.Request, p PanelPage) (content panelContent, done bool) {
	query := req.URL.Query()
	content = panelContent{PanelPage: p, path: req.URL.Path}
	if p.Usual != "" {
		content.Span = spanOf(query, p.Usual, r.Now())
	}
	if err := r.choices(req.Context(), query, &content); err != nil {
		r.FailRead(w, req, err)
		return content, true
	}
	if id := query.Get("csv"); id != "" {
		r.csv(w, req, p, id, merged(content.Span, content.Chosen))
		return content, true
	}
	return content, false
}

// choices takes the values of the choices from an address.
func (r *Renderer) choices(ctx context.Context, query url.Values, content *panelContent) error {
	content.Chosen = nil
	for _, choice := range content.Choices {
		one, err := choose(ctx, r.Figures, choice, query)
		if err != nil {
			return err
		}
		content.Chosen = append(content.Chosen, one)
	}
	return nil
}

// fill reads the tables of the panels.
func (r *Renderer) fill(ctx context.Context, content *panelContent) {
	content.Tiles, content.Panels = load(ctx, r.Figures, content.PanelPage, merged(content.Span, content.Chosen))
	for _, one := range content.Tiles {
		r.logPanic(one.err)
	}
	for _, one := range content.Panels {
		r.logPanic(one.err)
	}
}

// fragment writes the panels alone, for an automatic refresh.
func (r *Renderer) fragment(content panelContent) ([]byte, error) {
	var body bytes.Buffer
	if err := r.byFS["panels"].ExecuteTemplate(&body, "figures", content); err != nil {
		return nil, fmt.Errorf("%w: %w", errTemplate, err)
	}
	return body.Bytes(), nil
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
		r.Log.Debug("csv not written", zap.Error(err))
	}
}

// SpanForm offers the times of the page.
func (c panelContent) SpanForm() SpanForm { return SpanForm{Span: c.Span, Choices: offered(c.Spans)} }

// Again is the address of the page with the same choices.
func (c panelContent) Again() string { return c.path + "?" + urlValues(c).Encode() }

// CSV is the address of the table of a panel, with the choices of the page.
func (c panelContent) CSV(id string) string {
	values := urlValues(c)
	values.Set("csv", id)
	return "?" + values.Encode()
}
