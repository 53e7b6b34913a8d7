package care

import (
	"cmp"

	"github.com/pianola/pianola/internal/actions"
)

// accessView is one access of a user.
type accessView struct {
	ID, Resource, From, Until, State, Origin string
	Buttons                                  buttons
}

// loadAccess reads the accesses of the user, and what each came from.
func (v *view) loadAccess() error {
	all, more, err := v.Customers.Accesses(v.req.Context(), v.ID)
	if err != nil {
		return err
	}
	v.More = more
	origin := map[string]string{}
	if conversions, _, err := v.Customers.Conversions(v.req.Context(), v.ID); err == nil {
		for _, c := range conversions {
			origin[c.AccessID] = cmp.Or(origin[c.AccessID], c.Type) // the newest is first
		}
	}
	for _, a := range all {
		one := accessView{ID: a.ID, Resource: cmp.Or(a.ResourceName, a.ResourceID), From: dateText(a.StartsAt), Until: "never ends", State: "expired", Origin: origin[a.ID]}
		if a.ExpiresAt != nil {
			one.Until = instantText(a.ExpiresAt)
		}
		if a.Granted && (a.ExpiresAt == nil || a.ExpiresAt.After(v.Now())) {
			one.State = "valid"
		}
		for _, d := range actions.Decisions(v.feature, actions.Target{Access: &a}, v.roles) {
			one.Buttons = append(one.Buttons, v.button(d, "user_id", v.ID, "access_id", a.ID))
		}
		v.Accesses = append(v.Accesses, one)
	}
	return nil
}
