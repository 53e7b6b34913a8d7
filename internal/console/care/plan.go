package care

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/pianola/pianola/internal/actions"
)

// change is one value before and after.
type change struct{ Name, Before, After string }

// planContent is the page of a plan.
type planContent struct {
	Plan    *actions.Plan
	Fields  []field // of the form that executes it
	Sent    []field // parameters of the request
	Text    string  // what the agent wrote and the request would send
	Changes []change
	Facts   []change
	Back    string
	Danger  bool
}

// resultContent is the page of an execution.
type resultContent struct {
	Report  *actions.Report
	Label   string
	Changes []change
	Now     []change // all values
	Error   string
	Back    string
}

// plan reads what an action is about and shows what it would send. It changes nothing.
func (p pages) plan(w http.ResponseWriter, req *http.Request) {
	if !p.form(w, req) {
		return
	}
	a, err := parseAction(req.PostForm)
	if err != nil {
		p.Fail(w, req, http.StatusBadRequest, "Nothing was planned: "+err.Error()+".")
		return
	}
	plan, err := p.acting(req).Plan(req.Context(), a)
	switch {
	case errors.Is(err, actions.ErrAction):
		p.Fail(w, req, http.StatusBadRequest, "Nothing was planned: "+err.Error()+".")
		return
	case err != nil:
		p.Fail(w, req, http.StatusBadGateway, "Nothing was planned: "+err.Error())
		return
	}
	content := planContent{Plan: plan, Back: back(req.PostForm, plan.UserID), Changes: changes(plan.Before, plan.After, false), Text: plan.Action.Text.Reveal(),
		Danger: slices.Contains(dangers, plan.Kind)}
	for _, name := range slices.Sorted(maps.Keys(plan.Before)) {
		content.Facts = append(content.Facts, change{Name: words(name), Before: plan.Before[name]})
	}
	if plan.Request != nil {
		for _, name := range slices.Sorted(maps.Keys(plan.Request.Parameters)) {
			content.Sent = append(content.Sent, field{name, plan.Request.Parameters[name]})
		}
	}
	content.Fields = append(fieldsOf(plan.Action), field{"plan_id", plan.ID.String()}, field{"seen", plan.Seen}, field{"user", req.PostForm.Get("user")}, field{"tab", req.PostForm.Get("tab")})
	p.Page(w, req, http.StatusOK, "care-plan", plan.Label, content)
}

// execute executes a plan once and shows what is true then. The plan's id is the nonce: a
// second request with it sends nothing.
func (p pages) execute(w http.ResponseWriter, req *http.Request) {
	if !p.form(w, req) {
		return
	}
	a, err := parseAction(req.PostForm)
	id, notID := uuid.Parse(req.PostForm.Get("plan_id"))
	if err != nil || notID != nil {
		p.Fail(w, req, http.StatusBadRequest, "Nothing was changed: the form is not that of a plan.")
		return
	}
	plan := &actions.Plan{ID: id, Action: a, Kind: a.Kind, Seen: req.PostForm.Get("seen")}
	report, err := p.acting(req).Execute(req.Context(), plan, req.PostForm.Get("reason"))
	switch {
	case report == nil && errors.Is(err, actions.ErrAction):
		p.Fail(w, req, http.StatusBadRequest, "Nothing was changed: "+err.Error()+".")
		return
	case report == nil:
		p.Fail(w, req, http.StatusBadGateway, "Nothing was changed: "+err.Error())
		return
	}
	content := resultContent{Report: report, Label: a.Kind.Label(), Changes: changes(report.Before, report.After, true), Back: back(req.PostForm, a.UserID)}
	if len(report.After) == 0 {
		content.Changes = nil
	}
	for _, name := range slices.Sorted(maps.Keys(report.After)) {
		content.Now = append(content.Now, change{Name: words(name), After: report.After[name]})
	}
	if err != nil {
		content.Error = err.Error()
	}
	p.Page(w, req, http.StatusOK, "care-result", content.Label, content)
}

// words is the name of a value for people.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// changes are the values that differ. Where after is whole, a value that it lacks is gone.
func changes(before, after map[string]string, whole bool) []change {
	var all []change
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if before[name] != after[name] {
			all = append(all, change{words(name), before[name], after[name]})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, there := after[name]; whole && !there {
			all = append(all, change{words(name), before[name], ""})
		}
	}
	return all
}

// back is the page of the user from which a form came.
func back(form url.Values, user string) string {
	if id := form.Get("user"); validID(id) {
		user = id
	}
	if !validID(user) {
		return "/care/users"
	}
	return "/care/user?" + url.Values{"id": {user}, "tab": {tabOf(form.Get("tab")).Key}}.Encode()
}
