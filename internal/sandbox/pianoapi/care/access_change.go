package care

import (
	"net/http"
	"strings"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
	"github.com/pianola/pianola/schemas"
)

// terms of a grant, as a request has them.
type grantRequest struct {
	resource pianoapi.Resource
	expire   schemas.NullMillis
	mail     bool
	message  string
}

// grantRequest reads what both calls that grant have in common.
func (d *Desk) grantRequest(r *http.Request, rid string) (g grantRequest, a wire.Answer, ok bool) {
	if g.resource, ok = resourceByID(rid); !ok {
		return g, wire.Failed(wire.CodeNoResource, "Resource not found"), false
	}
	if g.expire, ok = d.expiry(r); !ok {
		return g, wire.Failed(wire.CodeInvalidExpiry, "Invalid expiration date"), false
	}
	if g.mail, ok = wire.FlagOr(r, "send_email", false); !ok {
		return g, wire.Invalid("send_email", "must be true or false"), false
	}
	g.message = r.Form.Get("message")
	return g, a, true
}

// expiry reads the date at which an access ends. It must be in the future. Without it the
// access never ends.
func (d *Desk) expiry(r *http.Request) (at schemas.NullMillis, ok bool) {
	if r.Form.Get("expire_date") == "" {
		return at, true
	}
	end, ok := wire.Instant(r, "expire_date")
	return wire.At(schemas.Millis(end.UnixMilli())), ok && end.After(d.now())
}

// give grants an access. The same request again gives another access.
func (d *Desk) give(u user, g grantRequest) *access {
	f := d.keep(u)
	one := &grant{resource: g.resource, start: d.millis(), expire: g.expire}
	f.grants = append(f.grants, one)
	if g.mail {
		d.send(f, "access_granted", "Access to "+g.resource.Name, pianoapi.CanaryMail+": "+g.message)
	}
	return grantedAccess(u, len(f.grants)-1, one)
}

func (d *Desk) accessGrant(r *http.Request) wire.Answer {
	if a, missing := wire.Missing(r, "rid"); missing {
		return a
	}
	g, a, ok := d.grantRequest(r, r.Form.Get("rid"))
	if !ok {
		return a
	}
	var to []user
	uid, emails := r.Form.Get("uid"), wire.Texts(r, "emails")
	switch {
	case uid != "":
		u, ok := d.user(uid)
		if !ok {
			return wire.Failed(wire.CodeInvalidUser, "Invalid user")
		}
		to = append(to, u)
	case len(emails) == 0:
		return wire.Failed(wire.CodeNoRecipient, "Neither uid nor emails is set")
	default:
		if to = d.usersByEmail(emails); len(to) < len(emails) {
			return wire.Failed(wire.CodeUnknownEmail, "No user has one of the e-mail addresses")
		}
	}
	all := []Access{}
	for _, u := range to {
		all = append(all, d.shownAccess(d.give(u, g)))
	}
	return wire.Succeeded("accesses", all)
}

// accessGrantToUsers skips unknown e-mail addresses and returns the number of users.
func (d *Desk) accessGrantToUsers(r *http.Request) wire.Answer {
	rids, emails := wire.Texts(r, "rid"), wire.Texts(r, "emails")
	if len(rids) == 0 {
		return wire.Invalid("rid", "is required")
	}
	if r.Form.Get("file_id") != "" {
		return wire.Invalid("file_id", "is unknown: only the console can upload a file")
	}
	var all []grantRequest
	for _, rid := range rids {
		g, a, ok := d.grantRequest(r, rid)
		if !ok {
			return a
		}
		all = append(all, g)
	}
	to := d.usersByEmail(emails)
	for _, u := range to {
		for _, g := range all {
			d.give(u, g)
		}
	}
	return wire.Succeeded("data", len(to))
}

// usersByEmail returns the users with one of these addresses, each once.
func (d *Desk) usersByEmail(emails []string) []user {
	wanted := map[string]bool{}
	for _, one := range emails {
		wanted[strings.ToLower(one)] = true
	}
	var found []user
	for _, uid := range d.Users() {
		if u, ok := d.user(uid); ok && wanted[strings.ToLower(u.Email)] {
			delete(wanted, strings.ToLower(u.Email))
			found = append(found, u)
		}
	}
	return found
}

// accessUpdate changes when a granted access ends.
func (d *Desk) accessUpdate(r *http.Request) wire.Answer {
	one, a, ok := d.changeableAccess(r)
	if !ok {
		return a
	}
	end, ok := d.expiry(r)
	if !ok {
		return wire.Failed(wire.CodeInvalidExpiry, "Invalid expiration date")
	}
	one.grant.expire, one.expire = end, end
	return wire.Succeeded("access", d.shownAccess(one))
}

func (d *Desk) accessRevoke(r *http.Request) wire.Answer {
	one, a, ok := d.changeableAccess(r)
	if !ok {
		return a
	}
	one.grant.revoked = wire.At(d.millis())
	one.revoked = one.grant.revoked
	return wire.Succeeded("access", d.shownAccess(one))
}

// changeableAccess returns the access of a request, if support may change it.
func (d *Desk) changeableAccess(r *http.Request) (one *access, a wire.Answer, ok bool) {
	one = d.accessByID(r.Form.Get("access_id"))
	switch {
	case one == nil || one.revoked.Valid:
		return nil, wire.Failed(wire.CodeInvalidAccess, "Invalid access id"), false
	case one.holding != nil:
		return nil, wire.Failed(wire.CodeSubscribedAccess, "The access belongs to a subscription. Manage the subscription"), false
	default:
		return one, a, true
	}
}
