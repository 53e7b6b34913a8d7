package page

import (
	"html/template"
	"net/http"

	"github.com/pianola/pianola/internal/console/figures"
)

// Draw is a drawing that a section makes itself. It must escape every text.
type Draw func(Panel, *figures.Table) template.HTML

func (d Draw) draw(p Panel, t *figures.Table) template.HTML { return d(p, t) }

// Load reads the panels of a page that has a template of its own. That template shows them
// with {{ template "figures" .Figures }}. done is true when the answer was written: the CSV
// of one panel, or an error.
func (r *Renderer) Load(w http.ResponseWriter, req *http.Request, p PanelPage) (content any, done bool) {
	return r.load(w, req, p)
}

// SpanOf is the time that a request asks for, as in a page of panels.
func (r *Renderer) SpanOf(req *http.Request, usual string) Span {
	return spanOf(req.URL.Query(), usual, r.Now())
}

// SpanChoice is a time that a form offers.
type SpanChoice struct {
	Name, Label string
	Selected    bool
}

// SpanChoices are the times of the form of a page with a template of its own.
func (r *Renderer) SpanChoices(req *http.Request, usual string) (all []SpanChoice) {
	now := r.SpanOf(req, usual)
	for _, one := range spanChoices {
		all = append(all, SpanChoice{one.Name, one.Label, one.Name == now.Name})
	}
	return all
}
