package care

import (
	"net/http"
	"slices"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
	"github.com/pianola/pianola/schemas"
)

// The prefixes of the ids of access.
const (
	subscribedPrefix = "AC" // of a subscription
	grantedPrefix    = "AG"
)

// access is the right of a user to use a resource.
type access struct {
	id       string
	owner    user
	resource pianoapi.Resource
	start    schemas.Millis
	expire   schemas.NullMillis // null: never
	revoked  schemas.NullMillis
	holding  *pianoapi.Holding // the subscription that it belongs to, or nil
	grant    *grant            // or nil
}

// grant is an access that support has given.
type grant struct {
	resource pianoapi.Resource
	start    schemas.Millis
	expire   schemas.NullMillis
	revoked  schemas.NullMillis
}

func (d *Desk) seedGrants(u user) []*grant {
	if !d.oneIn(20, "grant", u.UID) {
		return nil
	}
	all := pianoapi.Resources()
	g := &grant{resource: all[d.draw("granted", u.UID)%uint64(len(all))], start: d.since(200, "grant start", u.UID)}
	switch d.draw("grant end", u.UID) % 3 {
	case 0:
		g.expire = wire.At(d.opened + 30*day)
	case 1:
		g.expire = wire.At(g.start + hour/2)
	}
	return []*grant{g}
}

// accesses returns the access of a user, that of subscriptions first.
func (d *Desk) accesses(u user, owned []pianoapi.Holding, grants []*grant) []*access {
	var all []*access
	for _, h := range owned {
		all = append(all, d.accessOf(u, h))
	}
	for i, g := range grants {
		all = append(all, grantedAccess(u, i, g))
	}
	return all
}

func grantedAccess(u user, at int, g *grant) *access {
	return &access{
		id: partID(grantedPrefix, u.number, at), owner: u, resource: g.resource, start: g.start, expire: g.expire, revoked: g.revoked, grant: g,
	}
}

// accessOf returns the access of a subscription.
func (d *Desk) accessOf(u user, h pianoapi.Holding) *access {
	a := &access{
		id: partID(subscribedPrefix, h.Number, 0), owner: u, resource: h.Subscription.Resource, start: schemas.Millis(h.Subscription.StartDate * 1000), holding: &h,
	}
	end := h.Subscription.NextBillDate
	if h.Subscription.EndDate != nil {
		end = h.Subscription.EndDate
	}
	if end != nil {
		a.expire = wire.At(schemas.Millis(*end * 1000))
	}
	if at, ok := d.revoked[a.id]; ok {
		a.revoked = wire.At(at)
	}
	return a
}

// granted reports whether the user has the access now. That of a subscription lasts as
// long as the subscription, also after a bill date that has passed.
func (d *Desk) granted(a *access) bool {
	switch {
	case a.revoked.Valid:
		return false
	case a.holding != nil && a.holding.Subscription.Cancelable:
		return true
	default:
		return !a.expire.Valid || a.expire.Millis > d.millis()
	}
}

// accessByID returns an access, also a revoked one.
func (d *Desk) accessByID(id string) *access {
	if number, at, ok := parseID(subscribedPrefix, id); ok && at == 0 {
		h, ok := d.Holding(number)
		if !ok {
			return nil
		}
		u, ok := d.user(h.Subscription.User.UID)
		if !ok {
			return nil
		}
		return d.accessOf(u, h)
	}
	f, at, ok := d.fileByID(grantedPrefix, id)
	if !ok || at >= len(f.grants) {
		return nil
	}
	return grantedAccess(f.owner, at, d.keep(f.owner).grants[at])
}

// Access is an access as the API writes it.
type Access struct {
	ID         string            `json:"access_id"`
	ParentID   *string           `json:"parent_access_id"`
	Granted    bool              `json:"granted,omitempty"`
	Revoked    bool              `json:"revoked,omitempty"`
	Resource   pianoapi.Resource `json:"resource"`
	User       pianoapi.User     `json:"user"`
	StartDate  int64             `json:"start_date"`
	ExpireDate *int64            `json:"expire_date"`
	RevokeDate *int64            `json:"revoke_date"`
	CanRevoke  bool              `json:"can_revoke_access,omitempty"`
	CustomData *string           `json:"custom_data"`
}

func (d *Desk) shownAccess(a *access) Access {
	return Access{
		ID: a.id, Granted: d.granted(a), Revoked: a.revoked.Valid, Resource: a.resource, User: a.owner.User, StartDate: int64(a.start) / 1000,
		ExpireDate: wire.Seconds(a.expire), RevokeDate: wire.Seconds(a.revoked), CanRevoke: a.holding == nil && !a.revoked.Valid,
	}
}

// accessList returns active and expired access, not that which was revoked.
func (d *Desk) accessList(r *http.Request, u user) wire.Answer {
	page, a, ok := wire.Paging(r, maxPage)
	if !ok {
		return a
	}
	all := slices.DeleteFunc(d.accesses(u, d.Holdings(u.UID), d.grantsOf(u)), func(a *access) bool { return a.revoked.Valid })
	return wire.List("accesses", all, page, d.shownAccess)
}

// accessCheck returns the best access of a user to a resource. Without one the answer has
// only the resource.
func (d *Desk) accessCheck(r *http.Request, u user) wire.Answer {
	if a, missing := wire.Missing(r, "rid"); missing {
		return a
	}
	rid := r.Form.Get("rid")
	var best *access
	for _, a := range d.accesses(u, d.Holdings(u.UID), d.grantsOf(u)) {
		if a.resource.ID == rid && !a.revoked.Valid && (best == nil || d.granted(a) && !d.granted(best)) {
			best = a
		}
	}
	if best == nil {
		resource, ok := resourceByID(rid)
		if !ok {
			return wire.Failed(wire.CodeNoResource, "Resource not found")
		}
		return wire.Succeeded("access", map[string]any{"granted": false, "resource": resource, "user": u.User, "expire_date": nil})
	}
	return wire.Succeeded("access", d.shownAccess(best))
}

func resourceByID(rid string) (pianoapi.Resource, bool) {
	for _, one := range pianoapi.Resources() {
		if one.ID == rid {
			return one, true
		}
	}
	return pianoapi.Resource{}, false
}
