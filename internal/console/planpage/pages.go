package planpage

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/plans"
)

// Shown is a plan with what its page needs beside it.
type Shown struct {
	plans.Plan
	Again bool   // the form was sent before
	Wrong string // what is wrong with the form
	Why   string // the reason of the form
	Self  string // address of the page
}

// Latest is the result of the work, or before it the result of the planning; nil without
// one.
func (s Shown) Latest() any {
	if s.Result != nil {
		return s.Result
	}
	return s.Planned
}

// Pages are the pages of the plans of one section.
type Pages struct {
	Book *plans.Book
	// Base is the address of the pages before the id of the plan, with a slash at the end.
	Base string
	// Write writes the page; false where the plan is of another section.
	Write func(r *page.Renderer, w http.ResponseWriter, req *http.Request, status int, s Shown) bool
}

// Add makes a plan of the task, and leads to its page.
func (p Pages) Add(r *page.Renderer, w http.ResponseWriter, req *http.Request, task plans.Task) {
	id, err := p.Book.Add(Actor(req), task)
	if err != nil {
		r.Fail(w, req, http.StatusServiceUnavailable, err.Error())
		return
	}
	http.Redirect(w, req, p.address(id), http.StatusSeeOther)
}

func (p Pages) address(id string) string { return p.Base + url.PathEscape(id) }

// Show is the page of the plan with the id of the address.
func (p Pages) Show(r *page.Renderer) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		p.show(r, w, req, http.StatusOK, Shown{Again: req.URL.Query().Has("again")})
	}
}

func (p Pages) show(r *page.Renderer, w http.ResponseWriter, req *http.Request, status int, s Shown) {
	found, err := p.Book.Find(req.PathValue("id"))
	if err != nil {
		r.Fail(w, req, http.StatusNotFound, strings.ToUpper(err.Error()[:1])+err.Error()[1:]+".")
		return
	}
	s.Plan, s.Self = found, p.address(found.ID)
	if !p.Write(r, w, req, status, s) {
		r.Fail(w, req, http.StatusNotFound, "This plan is of another page.")
	}
}

// Confirm starts the work of a plan, once.
func (p Pages) Confirm(r *page.Renderer) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) { p.confirm(r, w, req) }
}

func (p Pages) confirm(r *page.Renderer, w http.ResponseWriter, req *http.Request) {
	why, wrong := Reason(req)
	if wrong != "" {
		p.show(r, w, req, http.StatusUnprocessableEntity, Shown{Wrong: wrong, Why: why})
		return
	}
	id := req.PathValue("id")
	first, err := p.Book.Confirm(id, plans.Confirmation{By: Actor(req), Why: why})
	switch {
	case errors.Is(err, plans.ErrUnknown), errors.Is(err, plans.ErrNotReady):
		p.show(r, w, req, http.StatusConflict, Shown{Wrong: err.Error(), Why: why})
		return
	case err != nil:
		r.Fail(w, req, http.StatusInternalServerError, err.Error())
		return
	}
	address := p.address(id)
	if !first {
		address += "?again=1"
	}
	http.Redirect(w, req, address, http.StatusSeeOther)
}
