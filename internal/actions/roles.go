package actions

import "slices"

// Role is what an agent may do.
type Role string

// The roles.
const (
	RoleViewer    Role = "viewer"
	RoleOps       Role = "ops"
	RoleCare      Role = "care"
	RoleCareMoney Role = "care_money" // refunds and cancellations; includes care
	RolePromo     Role = "promo"
)

// Roles are those of one agent.
type Roles []Role

// AllRoles are those of somebody who has Piano's token, such as in a shell.
func AllRoles() Roles { return Roles{RoleViewer, RoleOps, RoleCare, RoleCareMoney, RolePromo} }

// Has reports whether the agent has a role, or one that includes it.
func (r Roles) Has(role Role) bool {
	return slices.Contains(r, role) || role == RoleCare && slices.Contains(r, RoleCareMoney)
}
