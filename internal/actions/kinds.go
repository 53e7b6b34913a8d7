package actions

import "slices"

// Kind is a kind of action. Its text is the column action of actions_log.
type Kind string

// The kinds.
const (
	AutoRenewOn         Kind = "auto_renew_on"
	AutoRenewOff        Kind = "auto_renew_off"
	NextBillDate        Kind = "next_bill_date"
	CancelNow           Kind = "cancel"
	CancelAndRefund     Kind = "cancel_and_refund"
	CancelAtPeriodEnd   Kind = "cancel_at_period_end"
	ResumeSubscription  Kind = "resume"
	ChangeTerm          Kind = "upgrade"
	ChangePaymentMethod Kind = "payment_method"
	RefundPayment       Kind = "refund"
	GrantAccess         Kind = "grant_access"
	ExtendAccess        Kind = "extend_access"
	RevokeAccess        Kind = "revoke_access"
	ReplyToInquiry      Kind = "reply_to_inquiry"
	CommentOnInquiry    Kind = "comment_on_inquiry"
	ResolveInquiry      Kind = "resolve_inquiry"
	AddNote             Kind = "add_note"
	EditNote            Kind = "edit_note"
)

// kindRule is what a kind needs.
type kindRule struct {
	kind  Kind
	role  Role
	about targetPart
	// label is the kind on a button.
	label string
}

// targetPart is the part of a Target that a kind is about.
type targetPart int

const (
	partUser targetPart = iota
	partSubscription
	partPayment
	partAccess
	partInquiry
)

// kindRules are all kinds, in the order of buttons. This is the only place that says which
// role an action needs.
var kindRules = []kindRule{
	{AutoRenewOn, RoleCare, partSubscription, "Turn auto-renew on"},
	{AutoRenewOff, RoleCare, partSubscription, "Turn auto-renew off"},
	{NextBillDate, RoleCare, partSubscription, "Move the next bill date"},
	{ResumeSubscription, RoleCare, partSubscription, "Resume"},
	{ChangeTerm, RoleCare, partSubscription, "Upgrade or downgrade"},
	{ChangePaymentMethod, RoleCare, partSubscription, "Change the payment method"},
	{CancelAtPeriodEnd, RoleCareMoney, partSubscription, "Cancel at the end of the period"},
	{CancelNow, RoleCareMoney, partSubscription, "Cancel now"},
	{CancelAndRefund, RoleCareMoney, partSubscription, "Cancel now and refund"},
	{RefundPayment, RoleCareMoney, partPayment, "Refund"},
	{GrantAccess, RoleCare, partUser, "Grant access"},
	{ExtendAccess, RoleCare, partAccess, "Extend"},
	{RevokeAccess, RoleCare, partAccess, "Revoke"},
	{ReplyToInquiry, RoleCare, partInquiry, "Reply"},
	{CommentOnInquiry, RoleCare, partInquiry, "Comment internally"},
	{ResolveInquiry, RoleCare, partInquiry, "Resolve"},
	{AddNote, RoleCare, partUser, "Add a note"},
	{EditNote, RoleCare, partUser, "Edit the note"},
}

// Kinds returns all kinds in the order of buttons.
func Kinds() []Kind {
	var all []Kind
	for _, r := range kindRules {
		all = append(all, r.kind)
	}
	return all
}

// Needs returns the role that a kind needs.
func (k Kind) Needs() Role { return k.rule().role }

// Label is the text of its button.
func (k Kind) Label() string { return k.rule().label }

// Known reports whether there is such a kind.
func (k Kind) Known() bool { return k.rule().kind != "" }

func (k Kind) rule() kindRule {
	if i := slices.IndexFunc(kindRules, func(r kindRule) bool { return r.kind == k }); i >= 0 {
		return kindRules[i]
	}
	return kindRule{}
}
