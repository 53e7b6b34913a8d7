package care

import (
	"slices"
	"strconv"

	"github.com/pianola/pianola/internal/actions"
)

// button is an action that an agent may plan. Where it is not allowed, Why says the
// reason.
type button struct {
	actions.Decision
	Fields  []field
	Options []option // payment methods or resources
	// Input names what the agent has to enter; empty for nothing.
	Input  string
	Danger bool // it takes money or access
	Hint   string
	Value  string // the text to edit; personal
}

// buttons are those of one object.
type buttons []button

// Refused are those that are not possible now.
func (all buttons) Refused() []button {
	var some []button
	for _, b := range all {
		if !b.Allowed {
			some = append(some, b)
		}
	}
	return some
}

// field is a hidden value of a form.
type field struct{ Name, Value string }

// inputs are what the agent enters before the plan, by the templates of care-user.html.
var inputs = map[actions.Kind]string{
	actions.NextBillDate: "move", actions.ExtendAccess: "move", actions.ChangePaymentMethod: "method", actions.ChangeTerm: "term",
	actions.RefundPayment: "refund", actions.GrantAccess: "grant", actions.ReplyToInquiry: "text", actions.CommentOnInquiry: "text",
	actions.ResolveInquiry: "text", actions.AddNote: "text", actions.EditNote: "text",
}

// dangers are the kinds that take money or access away.
var dangers = []actions.Kind{actions.CancelNow, actions.CancelAndRefund, actions.CancelAtPeriodEnd, actions.RefundPayment, actions.RevokeAccess}

// button is one of a decision. pairs are the names and values of its form.
func (v *view) button(d actions.Decision, pairs ...string) button {
	b := button{Decision: d, Input: inputs[d.Kind], Danger: slices.Contains(dangers, d.Kind),
		Fields: []field{{"kind", string(d.Kind)}, {"user", v.ID}, {"tab", v.Tab.Key}}}
	for i := 0; i+1 < len(pairs); i += 2 {
		b.Fields = append(b.Fields, field{pairs[i], pairs[i+1]})
	}
	return b
}

// Is reports whether the button is of a kind; for templates.
func (b button) Is(kind string) bool { return string(b.Kind) == kind }

// ID is unique on a page: labels need it.
func (b button) ID() string {
	id := "a"
	for _, f := range b.Fields {
		if f.Name != "user" && f.Name != "tab" {
			id += "-" + f.Value
		}
	}
	return id
}

// countText is a number of things.
func countText(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + more
}
