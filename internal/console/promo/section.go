package promo

import (
	"embed"
	"net/http"

	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/planpage"
	"github.com/pianola/pianola/internal/console/plans"
	"github.com/pianola/pianola/internal/console/role"
	"github.com/pianola/pianola/internal/promo/conversion"
	"github.com/pianola/pianola/internal/promo/experiment"
	"github.com/pianola/pianola/internal/promo/promotion"
	"github.com/pianola/pianola/internal/promo/segment"
)

//go:embed templates
var templates embed.FS

// Deps are the parts that the pages use.
type Deps struct {
	// Promotions and Conversions have no API without a token of Piano. Their pages say so.
	Promotions  promotion.Promotions
	Conversions conversion.Reader
	Segments    segment.Segments
	Experiments experiment.Experiments

	// Plans are what people are about to change.
	Plans *plans.Book
}

// pages are the handlers with what they share.
type pages struct {
	Deps
	*page.Renderer
}

// New is the section.
func New(d Deps) page.Section {
	one := func(pattern, title string, handle func(pages, http.ResponseWriter, *http.Request)) page.Page {
		return page.Page{Pattern: pattern, Title: title, Role: role.Promo, Handle: func(r *page.Renderer) http.HandlerFunc {
			p := pages{Deps: d, Renderer: r}
			return func(w http.ResponseWriter, req *http.Request) { handle(p, w, req) }
		}}
	}
	plan := d.planPages()
	return page.Section{
		Title:     "Promo codes",
		Templates: templates,
		Pages: []page.Page{
			one("GET /promo/promotions", "Promotions", pages.promotions),
			one("GET /promo/promotions/new", "", pages.newPromotion),
			one("POST /promo/promotions/new", "", pages.createPromotion),
			one("GET /promo/promotion", "", pages.promotion),
			one("POST /promo/promotion/codes", "", pages.showCodes),
			one("POST /promo/promotion/generate", "", pages.generateCodes),
			one("POST /promo/promotion/code", "", pages.addCode),
			one("GET /promo/segments", "Segments", pages.segments),
			one("GET /promo/segment", "", pages.segment),
			one("POST /promo/segment/materialise", "", pages.materialise),
			one("GET /promo/segment/users", "", pages.segmentUsers),
			one("GET /promo/experiments", "Experiments", pages.experiments),
			one("GET /promo/experiments/new", "", pages.newExperiment),
			one("POST /promo/experiments/new", "", pages.createExperiment),
			one("GET /promo/experiment", "", pages.experiment),
			one("POST /promo/experiment/assign", "", pages.assign),
			one("GET /promo/experiment/users", "", pages.experimentUsers),
			one("GET /promo/conversion", "Conversion", pages.conversion),
			one("POST /promo/conversion/read", "", pages.readConversions),
			one("GET /promo/checkout", "Checkout", pages.checkout),
			one("POST /promo/checkout", "", pages.writeSnippet),
			{Pattern: "GET /promo/plans/{id}", Role: role.Promo, Handle: plan.Show},
			{Pattern: "POST /promo/plans/{id}", Role: role.Promo, Handle: plan.Confirm},
		},
	}
}

// planPages are the pages of plans of this section.
func (d Deps) planPages() planpage.Pages {
	return planpage.Pages{Book: d.Plans, Base: "/promo/plans/", Write: writePlan}
}

// form reads the body of a request; false after it has answered with a problem.
func (p pages) form(w http.ResponseWriter, req *http.Request) bool {
	if err := req.ParseForm(); err != nil {
		p.Fail(w, req, http.StatusRequestEntityTooLarge, "The form is too large, or is not a form.")
		return false
	}
	return true
}

// asksPiano reports whether Piano can be asked; false after it has answered with a problem.
func (p pages) asksPiano(w http.ResponseWriter, req *http.Request) bool {
	if p.Promotions.API == nil {
		p.Fail(w, req, http.StatusNotFound, "This page asks Piano. Set piano.api_token and start the console again.")
		return false
	}
	return true
}
