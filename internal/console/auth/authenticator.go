package auth

import (
	"errors"
	"net/http"

	"github.com/pianola/pianola/internal/console/role"
)

// Authenticator finds out who sends a request. It is safe for concurrent use.
type Authenticator interface {
	// Authenticate returns the person. Without a valid login it writes the answer that
	// asks for one, or refuses, and returns false.
	Authenticate(w http.ResponseWriter, r *http.Request) (role.Identity, bool)

	// Routes are pages of the login itself, which need no identity; nil for none.
	Routes() map[string]http.HandlerFunc
}

// None is for a loopback address: everybody who reaches it is a viewer.
type None struct{}

// Authenticate always succeeds.
func (None) Authenticate(http.ResponseWriter, *http.Request) (role.Identity, bool) {
	return role.Identity{Roles: []role.Role{role.Viewer}}, true
}

// Routes has no pages.
func (None) Routes() map[string]http.HandlerFunc { return nil }

// errNoLogin reports a request without a valid login.
var errNoLogin = errors.New("no valid login")
