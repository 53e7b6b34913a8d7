package promo

import (
	"net/http"
	"net/url"

	"github.com/pianola/pianola/internal/promo/checkout"
	"github.com/pianola/pianola/internal/promo/promotion"
)

// checkoutContent is the form of the script, and the script.
type checkoutContent struct {
	Form      url.Values
	Wrong     string
	Audiences []string
	Script    string // empty before the form was sent
	Callback  string
}

// checkout is the form. With a promotion whose code is one for all, its code stands there.
func (p pages) checkout(w http.ResponseWriter, req *http.Request) {
	form := url.Values{"audience": {req.URL.Query().Get("audience")}}
	if id := req.URL.Query().Get("promotion"); id != "" && promotion.ValidateID(id) == nil && p.Promotions.API != nil {
		one, err := p.Promotions.Get(req.Context(), id)
		if err != nil {
			p.failPiano(w, req, err)
			return
		}
		if !one.UsedOnce() {
			form.Set("code", one.FixedCode)
		}
	}
	p.showCheckout(w, req, http.StatusOK, checkoutContent{Form: form})
}

// writeSnippet writes the script: on the page, or as a file. The code comes in a form, so
// that no address has it.
func (p pages) writeSnippet(w http.ResponseWriter, req *http.Request) {
	if !p.form(w, req) {
		return
	}
	form := req.PostForm
	s := checkout.Snippet{OfferID: value(form, "offer"), TermID: value(form, "term"), TemplateID: value(form, "template"), PromoCode: value(form, "code"),
		Audience: value(form, "audience"), ReportTo: value(form, "report_to")}
	content := checkoutContent{Form: form}
	if err := s.Validate(); err != nil {
		content.Wrong = err.Error()
		p.showCheckout(w, req, http.StatusUnprocessableEntity, content)
		return
	}
	content.Script, content.Callback = s.JavaScript(), checkout.Callback()
	if form.Has("file") {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="checkout.js"`)
		if _, err := w.Write([]byte(content.Script)); err != nil {
			p.Log.Debug("script not written")
		}
		return
	}
	p.showCheckout(w, req, http.StatusOK, content)
}

func (p pages) showCheckout(w http.ResponseWriter, req *http.Request, status int, content checkoutContent) {
	runs, err := p.Segments.Materialised(req.Context())
	if err != nil {
		p.FailRead(w, req, err)
		return
	}
	for _, run := range runs {
		content.Audiences = append(content.Audiences, run.Segment)
	}
	all, err := p.Experiments.List(req.Context())
	if err != nil {
		p.FailRead(w, req, err)
		return
	}
	for _, e := range all {
		for _, arm := range e.Arms[1:] {
			content.Audiences = append(content.Audiences, "experiment "+e.ID+" "+arm.Name)
		}
	}
	p.Page(w, req, status, "promo-checkout", "Checkout", content)
}
