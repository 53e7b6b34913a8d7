package care

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
)

// Mistakes in a form. They name the field and not its value.
var (
	errDate   = errors.New("a date has another form than 2026-12-31")
	errNumber = errors.New("a number has another form than 14")
	errAmount = errors.New("an amount has another form than 12.50")
)

// parseDay reads a day, as a form has it, or an instant, as a plan keeps it; UTC.
func parseDay(text string) (*time.Time, error) {
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(form, text); err == nil {
			at = at.UTC()
			return &at, nil
		}
	}
	return nil, errDate
}

// parseAction reads an action from a form.
func parseAction(form url.Values) (actions.Action, error) {
	text := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	yes := func(name string) bool { return form.Get(name) != "" }
	a := actions.Action{
		Kind: actions.Kind(text("kind")), SubscriptionID: text("subscription_id"), UserID: text("user_id"), PaymentID: text("payment_id"),
		AccessID: text("access_id"), InquiryID: text("inquiry_id"), ResourceID: text("resource_id"), PaymentMethodID: text("payment_method_id"), NoteID: text("note_id"),
		RevokeAccess: yes("revoke_access"), SendMail: yes("send_mail"), Text: customer.NewPersonal(text("text")), Resolve: yes("resolve"), ReadOnly: yes("read_only"),
		ToTerm: text("to_term"), ToPeriod: text("to_period"), ImmediateAccess: yes("immediate_access"), ProrateAccess: yes("prorate_access"),
	}
	var wrong []error
	if t := text("at"); t != "" {
		at, err := parseDay(t)
		wrong = append(wrong, err)
		a.At = at
	}
	number := func(name string) int {
		if text(name) == "" {
			return 0
		}
		n, err := strconv.Atoi(text(name))
		if err != nil {
			wrong = append(wrong, errNumber)
		}
		return n
	}
	a.Months, a.Days, a.Billing = number("months"), number("days"), piano.BillingTiming(number("billing"))
	if t := text("amount"); t != "" {
		amount, err := decimal.NewFromString(t)
		if err != nil || len(t) > 20 || strings.ContainsAny(t, "eE") {
			wrong = append(wrong, errAmount)
		} else {
			a.Amount = customer.NewAmount(amount)
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return a, fmt.Errorf("the form has a mistake: %w", err)
	}
	return a, nil
}

// fieldsOf writes an action as the hidden fields of a form: parseAction reads it back.
func fieldsOf(a actions.Action) []field {
	all := []field{
		{"kind", string(a.Kind)}, {"subscription_id", a.SubscriptionID}, {"user_id", a.UserID}, {"payment_id", a.PaymentID}, {"access_id", a.AccessID},
		{"inquiry_id", a.InquiryID}, {"resource_id", a.ResourceID}, {"payment_method_id", a.PaymentMethodID}, {"note_id", a.NoteID}, {"amount", a.Amount.String()},
		{"text", a.Text.Reveal()}, {"to_term", a.ToTerm}, {"to_period", a.ToPeriod},
	}
	if a.At != nil {
		all = append(all, field{"at", a.At.UTC().Format(time.RFC3339)})
	}
	for name, n := range map[string]int{"months": a.Months, "days": a.Days, "billing": int(a.Billing)} {
		if n != 0 {
			all = append(all, field{name, strconv.Itoa(n)})
		}
	}
	for name, on := range map[string]bool{"revoke_access": a.RevokeAccess, "send_mail": a.SendMail, "resolve": a.Resolve, "read_only": a.ReadOnly,
		"immediate_access": a.ImmediateAccess, "prorate_access": a.ProrateAccess} {
		if on {
			all = append(all, field{name, "1"})
		}
	}
	var some []field
	for _, f := range all {
		if f.Value != "" {
			some = append(some, f)
		}
	}
	return some
}
