package role

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Role is what a person may do.
type Role string

// Roles. Each allows its pages and actions and nothing else; all but Viewer also allow
// what Viewer allows.
const (
	Viewer    Role = "viewer"     // figures and operation, read-only, without personal data
	Ops       Role = "ops"        // dead letters and jobs: redrive, dismiss, cancel
	Care      Role = "care"       // one subscriber, with personal data; actions without money
	CareMoney Role = "care_money" // care, refunds and cancellations
	Promo     Role = "promo"      // promo codes, segments, experiments
)

// Roles lists all roles.
func Roles() []Role { return []Role{Viewer, Ops, Care, CareMoney, Promo} }

// Identity is a person who is logged in.
type Identity struct {
	User  string // empty without a login
	Roles []Role
}

// Anonymous reports whether nobody has logged in: the console has no login.
func (i Identity) Anonymous() bool { return i.User == "" }

// Has reports whether the person may do what the role allows.
func (i Identity) Has(role Role) bool {
	switch role {
	case Viewer:
		return len(i.Roles) > 0
	case Care:
		return slices.Contains(i.Roles, Care) || slices.Contains(i.Roles, CareMoney)
	default:
		return slices.Contains(i.Roles, role)
	}
}

// Mapping gives groups their roles.
type Mapping map[string][]Role

// ParseMapping reads the setting console.roles: for each group its roles, with + between
// them. The error names a group only by its position in the order of names.
func ParseMapping(groups map[string]string) (Mapping, error) {
	m := Mapping{}
	for i, group := range slices.Sorted(maps.Keys(groups)) {
		for text := range strings.SplitSeq(groups[group], "+") {
			role := Role(strings.TrimSpace(text))
			if !slices.Contains(Roles(), role) {
				return nil, fmt.Errorf("group %d of %d has an unknown role; the roles are %s", i+1, len(groups), strings.Join(names(Roles()), ", "))
			}
			m[group] = append(m[group], role)
		}
	}
	return m, nil
}

// Identity is the person with the roles of the groups.
func (m Mapping) Identity(user string, groups []string) Identity {
	identity := Identity{User: user}
	for _, role := range Roles() {
		if slices.ContainsFunc(groups, func(group string) bool { return slices.Contains(m[group], role) }) {
			identity.Roles = append(identity.Roles, role)
		}
	}
	return identity
}

func names(roles []Role) []string {
	texts := make([]string, len(roles))
	for i, role := range roles {
		texts[i] = string(role)
	}
	return texts
}

type contextKey struct{}

// With puts the person into the context of the request.
func With(ctx context.Context, i Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, i)
}

// From is the person of the request; without one, nobody.
func From(ctx context.Context) Identity {
	i, _ := ctx.Value(contextKey{}).(Identity)
	return i
}
