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

// SpanForm are the fields of a form that select the time. A template shows them with
// {{ template "span fields" .Span }}.
type SpanForm struct {
	Span
	Choices []spanChoice
}

// SpanForm offers all times for a page with a template of its own.
func (r *Renderer) SpanForm(req *http.Request, usual string) SpanForm {
	return SpanForm{Span: r.SpanOf(req, usual), Choices: spanChoices}
}
