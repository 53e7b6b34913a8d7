package care

import (
	"net/http"
	"strings"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
)

// User is a user as the calls about users write it. CustomFields is null except from get
// and search.
type User struct {
	pianoapi.User
	Image        *string       `json:"image1"`
	DisplayName  string        `json:"display_name"`
	ResetSent    bool          `json:"reset_password_email_sent,omitempty"`
	LastVisit    *int64        `json:"last_visit"`
	CustomFields []CustomField `json:"custom_fields"`
}

// CustomField is a field that the application has defined.
type CustomField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (d *Desk) shownUser(u user) User {
	s := User{User: u.User, DisplayName: u.PersonalName}
	if !d.oneIn(4, "visit", u.UID) { // it may be missing
		at := int64(d.since(60, "visited", u.UID)) / 1000
		s.LastVisit = &at
	}
	return s
}

// wholeUser has the custom fields, too.
func (d *Desk) wholeUser(u user) User {
	s := d.shownUser(u)
	s.CustomFields = []CustomField{
		{Name: "phone", Value: `["` + pianoapi.CanaryField + ` +45 5550 ` + partID("", u.number%10_000, 0) + `"]`},
		{Name: "interests", Value: pianoapi.AttackOn(pianoapi.CanaryField+" gardening", u.number+3)},
	}
	return s
}

func (d *Desk) userGet(_ *http.Request, u user) wire.Answer {
	return wire.Succeeded("user", d.wholeUser(u))
}

// userList is the quick search over name and e-mail address.
func (d *Desk) userList(r *http.Request) wire.Answer {
	page, a, ok := searchPaging(r)
	if !ok {
		return a
	}
	text := strings.ToLower(r.Form.Get("q"))
	var all []user
	for _, uid := range d.Users() {
		if u, ok := d.user(uid); ok && matches(&u, text) {
			all = append(all, u)
		}
	}
	if disabled, _ := wire.Flag(r, "disabled"); disabled {
		all = nil // nobody is disabled
	}
	return wire.List("users", all, page, d.shownUser)
}

func matches(u *user, text string) bool {
	return strings.Contains(strings.ToLower(u.Email), text) || strings.Contains(strings.ToLower(u.PersonalName), text)
}

// maxWindow is the limit of offset and limit together in the searches for users.
const maxWindow = 10_000

// searchPaging reads the page of a search for users. Its limits are errors, not cut.
func searchPaging(r *http.Request) (p wire.Page, a wire.Answer, ok bool) {
	if p, a, ok = wire.Paging(r, maxWindow+1); !ok {
		return p, a, false
	}
	switch {
	case p.Limit > maxPage:
		return p, wire.Invalid("limit", "must be at most 1000"), false
	case p.Offset+p.Limit > maxWindow:
		return p, wire.Invalid("offset", "offset and limit together must be at most 10000"), false
	}
	return p, a, true
}
