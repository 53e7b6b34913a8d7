package planpage

import (
	"net/http"
	"strings"

	"github.com/pianola/pianola/internal/console/role"
	"github.com/pianola/pianola/internal/letters"
	"github.com/pianola/pianola/transform"
)

// Actor is the person of a request as a table may keep it: without an address.
func Actor(req *http.Request) string { return transform.Guard(role.From(req.Context()).User) }

// Reason is the reason of a form, and what is wrong with it.
func Reason(req *http.Request) (why, wrong string) {
	if err := req.ParseForm(); err != nil {
		return "", "The form cannot be read."
	}
	why = strings.TrimSpace(req.PostForm.Get("why"))
	if why == "" {
		return "", "The reason is missing."
	}
	if err := letters.CheckNote(why); err != nil {
		return why, "The reason " + err.Error() + "."
	}
	return why, ""
}
