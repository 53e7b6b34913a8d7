package subscriber

import (
	"fmt"
	"strings"
	"time"
)

// summary says in one line what a care agent needs first: until when there is access,
// what is charged next, and what is wrong. Days are days of UTC.
func (s *Subscription) summary(now time.Time) string {
	st := s.State
	switch {
	case st == nil:
		return "no stored events; Piano's API says " + s.API.Status
	case st.Status == "":
		return "no known action yet"
	case st.Closed:
		return s.ended()
	case st.Status == "fail_and_retry":
		return s.failing()
	}
	ends := st.AutoRenew != nil && !*st.AutoRenew
	var parts []string
	switch {
	case st.InTrial && st.TrialEndsAt != nil:
		parts = append(parts, "in a trial until "+day(*st.TrialEndsAt))
	case st.InTrial:
		parts = append(parts, "in a trial without a known end")
	case !ends:
		parts = append(parts, "active")
	}
	if st.ChangePending {
		parts = append(parts, "changes to subscription "+*st.ChangeTo+" when that one starts")
	}
	if ends {
		return strings.Join(append(parts, "will not renew: auto-renew off"+since(st.AutoRenewDisabledAt)+"; "+s.access(now)), ", ")
	}
	return strings.Join(append(parts, s.renewal(now)), ", ")
}

// renewal says when it renews, and for how much.
func (s *Subscription) renewal(now time.Time) string {
	st := s.State
	var text string
	switch {
	case st.PeriodEndsAt == nil:
		return "next billing date unknown"
	case !st.PeriodEndsAt.After(now):
		text = "was due to renew " + day(*st.PeriodEndsAt) + ", and no event says that it did"
	case st.AutoRenew == nil:
		text = "the period ends " + day(*st.PeriodEndsAt) + "; whether it renews is unknown"
	default:
		text = "renews " + day(*st.PeriodEndsAt)
	}
	if st.AutoRenew != nil && st.PeriodEndsAt.After(now) {
		text += s.price()
	}
	return text
}

// price is what the next period costs: as last charged, or the price of the snapshot.
func (s *Subscription) price() string {
	amount := s.State.Price
	if amount == nil && s.API != nil {
		amount = s.API.RegularPrice
	}
	if amount == nil {
		return ""
	}
	text := " for " + FormatAmount(*amount)
	if s.API != nil && s.API.Currency != nil {
		text += " " + *s.API.Currency
	}
	return text
}

// access says until when there is access.
func (s *Subscription) access(now time.Time) string {
	switch end := s.State.PeriodEndsAt; {
	case end == nil:
		return "the end of access is unknown"
	case end.After(now):
		return "access until " + day(*end)
	default:
		return "access should have ended " + day(*end)
	}
}

// failing describes a subscription whose payment failed.
func (s *Subscription) failing() string {
	st := s.State
	text := "payment failed " + times(st.FailedPayments) + since(st.FailedSince)
	switch {
	case st.NextRetryAt != nil:
		text += ", next retry " + day(*st.NextRetryAt)
	case st.AutoRenew != nil && !*st.AutoRenew:
		text += ", auto-renew off" + since(st.AutoRenewDisabledAt)
	default:
		text += ", next retry unknown"
	}
	return text
}

// ended describes a closed subscription.
func (s *Subscription) ended() string {
	st := s.State
	text := "ended"
	if st.EndedAt != nil {
		text += " " + day(*st.EndedAt)
	}
	reason := map[string]string{
		"payment_failed": "the payment failed", "plan_change": "replaced by another subscription", "cancelled": "cancelled",
		"trial_not_converted": "the trial was not converted", "auto_renew_off": "auto-renew was off" + since(st.AutoRenewDisabledAt),
		"unknown": "reason unknown",
	}
	if st.EndReason != nil && reason[*st.EndReason] != "" {
		text += ": " + reason[*st.EndReason]
	}
	return text
}

func since(t *time.Time) string {
	if t == nil {
		return ""
	}
	return " since " + day(*t)
}

func times(n uint32) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	default:
		return fmt.Sprintf("%d times", n)
	}
}

// day is a day of UTC as people write it.
func day(t time.Time) string { return t.UTC().Format("2 Jan 2006") }
