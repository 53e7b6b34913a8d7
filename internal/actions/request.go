package actions

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
)

// Action is what an agent wants. Which fields count depends on its kind; the others are
// empty. Text is personal and in memory only.
type Action struct {
	Kind Kind

	SubscriptionID  string // of a subscription
	UserID          string // of a grant, an access, an inquiry or a note; of others a check
	PaymentID       string
	AccessID        string
	InquiryID       string
	ResourceID      string // of a grant
	PaymentMethodID string
	NoteID          string // of an edit

	// At is the next bill date, or the end of an access; nil is never, for a grant. Months
	// and Days move the present date instead; a plan turns them into At.
	At           *time.Time
	Months, Days int

	Amount       customer.Amount // of a refund; absent is all that remains
	RevokeAccess bool            // with a refund

	SendMail bool              // with a grant
	Text     customer.Personal // a reply, a comment, a note, or the message of a grant
	Resolve  bool              // with a reply or a comment
	ReadOnly bool              // of a note

	ToTerm, ToPeriod string // of a change of term
	Billing          piano.BillingTiming
	ImmediateAccess  bool
	ProrateAccess    bool
}

const (
	maxNote = 10_000
	// maxMove limits a move of a date: more is a mistake.
	maxMove = 5 * 366
)

// ErrAction is a mistake in an action: something is missing or has a wrong value. Nothing
// was read.
var ErrAction = errors.New("this action is not possible as given")

// check validates what does not depend on Piano.
func (a Action) check(now time.Time) error {
	var wrong []string
	need := func(ok bool, what string) {
		if !ok {
			wrong = append(wrong, what)
		}
	}
	about := map[targetPart]struct{ id, name string }{
		partSubscription: {a.SubscriptionID, "the subscription"}, partPayment: {a.PaymentID, "the payment"}, partAccess: {a.AccessID, "the access"},
		partInquiry: {a.InquiryID, "the inquiry"}, partUser: {a.UserID, "the user"},
	}
	rule := a.Kind.rule()
	need(rule.kind != "", "there is no such action")
	need(rule.kind == "" || about[rule.about].id != "", about[rule.about].name+" is missing")
	for _, id := range []string{a.SubscriptionID, a.PaymentID, a.AccessID, a.InquiryID, a.ResourceID, a.PaymentMethodID, a.NoteID} {
		need(!strings.Contains(id, "sha256:"), "an id contains the hash of an e-mail address, which Piano does not know: do it in Piano's console")
	}
	future := func(what string) {
		need(a.At == nil || a.At.After(now), what+" must be in the future")
		need(a.At == nil || a.At.Before(now.AddDate(50, 0, 0)), what+" is more than 50 years away")
	}
	moved := a.Months != 0 || a.Days != 0
	need(!moved || a.Months >= 0 && a.Days >= 0 && a.Months*31+a.Days <= maxMove, "the date can be moved by at most five years, and forward only")
	switch a.Kind {
	case NextBillDate:
		need((a.At != nil) != moved, "give a date, or how far to move it")
		future("the next bill date")
	case ExtendAccess:
		need(a.UserID != "", "the user is missing")
		need((a.At != nil) != moved, "give a date, or how far to move it")
		future("the end of the access")
	case RevokeAccess:
		need(a.UserID != "", "the user is missing")
	case GrantAccess:
		need(a.ResourceID != "", "the resource is missing")
		need(!moved, "an access that is new has no date to move")
		need(a.Text.Empty() || a.SendMail, "a message needs an e-mail")
		need(a.Text.Len() <= customer.MaxComment, "the message is too long")
		future("the end of the access")
	case ChangePaymentMethod:
		need(a.PaymentMethodID != "", "the payment method is missing")
	case ChangeTerm:
		need(a.ToTerm != "", "the new term is missing")
	case RefundPayment:
		if amount, ok := a.Amount.Decimal(); ok {
			need(amount.IsPositive(), "the amount must be above 0")
			need(amount.Equal(amount.Round(3)), "the amount has more than three decimal places")
		}
	case ReplyToInquiry, CommentOnInquiry, ResolveInquiry:
		need(a.UserID != "", "the user is missing")
		need(!a.Text.Empty(), "the text is missing")
		need(a.Text.Len() <= customer.MaxComment, fmt.Sprintf("the text has more than %d characters", customer.MaxComment))
	case AddNote, EditNote:
		need(a.Kind == AddNote || a.NoteID != "", "the note is missing")
		need(!a.Text.Empty(), "the text is missing")
		need(a.Text.Len() <= maxNote, fmt.Sprintf("the note has more than %d characters", maxNote))
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w: %s", ErrAction, strings.Join(wrong, "; "))
	}
	return nil
}

// Postpone moves a date by months and days, in UTC. A day that the month does not have
// becomes its last day, so that a month after 31 January is in February.
func Postpone(from time.Time, months, days int) time.Time {
	from = from.UTC()
	first := time.Date(from.Year(), from.Month()+time.Month(months), 1, from.Hour(), from.Minute(), from.Second(), 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(from.Day(), last)-1).AddDate(0, 0, days)
}
