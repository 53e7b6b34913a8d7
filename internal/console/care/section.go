package care

import (
	"embed"
	"net/http"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/role"
	"github.com/pianola/pianola/internal/piano/customer"
)

//go:embed templates
var templates embed.FS

// Deps are the parts that the pages use.
type Deps struct {
	Customers *customer.Client
	// Actions are of no person: each request gets those of who makes it.
	Actions *actions.Actions
}

// pages are the handlers with what they share.
type pages struct {
	Deps
	*page.Renderer
}

// New is the section.
func New(d Deps) page.Section {
	on := func(handle func(pages, http.ResponseWriter, *http.Request)) func(*page.Renderer) http.HandlerFunc {
		return func(r *page.Renderer) http.HandlerFunc {
			p := pages{Deps: d, Renderer: r}
			return func(w http.ResponseWriter, req *http.Request) { handle(p, w, req) }
		}
	}
	one := func(pattern, title string, handle func(pages, http.ResponseWriter, *http.Request)) page.Page {
		return page.Page{Pattern: pattern, Title: title, Role: role.Care, Handle: on(handle)}
	}
	return page.Section{
		Title:     "Care",
		Templates: templates,
		Pages: []page.Page{
			one("GET /care/users", "Users", pages.users),
			one("POST /care/search", "", pages.search),
			one("GET /care/user", "", pages.user),
			one("POST /care/user/show", "", pages.show),
			one("POST /care/plan", "", pages.plan),
			one("POST /care/execute", "", pages.execute),
			one("GET /care/grant", "Grant access", pages.grant),
			one("POST /care/grant", "", pages.grant),
			one("POST /care/grant/plan", "", pages.planGrants),
			one("POST /care/grant/execute", "", pages.executeGrants),
		},
	}
}

// acting are the actions of the person who makes the request.
func (p pages) acting(req *http.Request) *actions.Actions {
	return p.Actions.For(role.From(req.Context()).User, rolesOf(req))
}

// rolesOf are those of the person, as package actions names them.
func rolesOf(req *http.Request) actions.Roles {
	var roles actions.Roles
	for _, one := range role.From(req.Context()).Roles {
		roles = append(roles, actions.Role(one))
	}
	return roles
}

// form reads the body of a request; false after it has answered with a problem.
func (p pages) form(w http.ResponseWriter, req *http.Request) bool {
	if err := req.ParseForm(); err != nil {
		p.Fail(w, req, http.StatusRequestEntityTooLarge, "The form is too large, or is not a form.")
		return false
	}
	return true
}
