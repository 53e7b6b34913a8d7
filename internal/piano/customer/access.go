package customer

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/transform"
)

// Access is the right of a user to a resource.
type Access struct {
	ID, ParentID             string // ParentID is that of a bundle
	Granted                  bool   // it is valid now
	Revoked                  bool
	ResourceID, ResourceName string
	UserID                   string
	StartsAt                 *time.Time
	ExpiresAt                *time.Time // nil is never
	// CanRevoke is what Piano allows; nil where it does not say.
	CanRevoke *bool
}

type access struct {
	ID       word       `json:"access_id"`
	Parent   word       `json:"parent_access_id"`
	Granted  flag       `json:"granted"`
	Revoked  flag       `json:"revoked"`
	Resource resource   `json:"resource"`
	User     userID     `json:"user"`
	Start    piano.Date `json:"start_date"`
	Expire   piano.Date `json:"expire_date"`
	Revoke   flag       `json:"can_revoke_access"`
}

// userID is the embedded user of an object; only the id is decoded.
type userID struct {
	UID word `json:"uid"`
}

type resource struct {
	ID   word `json:"rid"`
	Name word `json:"name"`
	Type word `json:"type"`
}

func decodeAccess(raw access) (Access, error) {
	a := Access{ID: string(raw.ID), ParentID: string(raw.Parent), Granted: raw.Granted.on, Revoked: raw.Revoked.on, ResourceID: string(raw.Resource.ID),
		ResourceName: string(raw.Resource.Name), UserID: string(raw.User.UID), CanRevoke: raw.Revoke.pointer()}
	if a.ID == "" {
		return Access{}, fmt.Errorf("%w: access.access_id: is missing", piano.ErrShape)
	}
	return a, dates("access", map[string]dateField{"start_date": {raw.Start, &a.StartsAt}, "expire_date": {raw.Expire, &a.ExpiresAt}})
}

// Accesses reads the accesses of a user, current and expired. Piano does not list revoked
// ones. more means that there are others.
func (c *Client) Accesses(ctx context.Context, uid string) (rows []Access, more bool, err error) {
	return all(ctx, c, piano.ListAccess, url.Values{"uid": {uid}}, "access_id", decodeAccess)
}

// Resource is something that access is granted to.
type Resource struct{ ID, Name, Type string }

// Resources are the resources of the application, by name.
func (c *Client) Resources(ctx context.Context) ([]Resource, error) {
	return c.resources.get(c.now, keepTime, c.readResources(ctx))
}

// Resource finds a resource of the application. Without one the error wraps
// piano.ErrNotFound.
func (c *Client) Resource(ctx context.Context, id string) (Resource, error) {
	r, ok, err := named(&c.resources, c.now, func(r Resource) string { return r.ID }, transform.Guard(strings.TrimSpace(id)), c.readResources(ctx))
	if err == nil && !ok {
		err = fmt.Errorf("find the resource: %w", piano.ErrNotFound)
	}
	return r, err
}

func (c *Client) readResources(ctx context.Context) func() ([]Resource, error) {
	return func() ([]Resource, error) {
		rows, _, err := all(ctx, c, piano.ListResource, url.Values{"order_by": {"name"}, "order_direction": {"asc"}}, "rid", func(raw resource) (Resource, error) {
			return Resource{ID: string(raw.ID), Name: string(raw.Name), Type: string(raw.Type)}, nil
		})
		return rows, err
	}
}
