package piano

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/pianola/pianola/transform"
)

// Subscription is one subscription of the API, without personal data. Absent fields are
// nil or empty. Instants are UTC.
type Subscription struct {
	ID     string // subscription_id, guarded
	UserID string // user.uid, guarded; empty without one
	// Internal: the internal-user filter drops it. This is decided while decoding, since
	// the address is not kept.
	Internal bool

	Status      string // as Piano names it
	StartedAt   *time.Time
	EndedAt     *time.Time
	NextBillAt  *time.Time
	AutoRenew   *bool
	BillingPlan string
	InTrial     *bool
	TrialEndsAt *time.Time
	ChargeCount *int
	Term        Term

	// Only Get returns these.
	CanBeResumed           *bool
	AutoRenewChangeEnabled *bool
	WillAutoRenew          *bool
}

// Term is the term of a subscription.
type Term struct {
	ID           string
	Name         string
	Type         string
	BillingPlan  string
	FirstPrice   string // as the API writes it
	Currency     string
	HasFreeTrial *bool
}

// Filter is the internal-user filter, by the original user id and address.
type Filter interface {
	Internal(userID, email string) bool
}

// item is a subscription as the API writes it. The address is used for the filter only.
type item struct {
	ID          string       `json:"subscription_id"`
	Status      *string      `json:"status"`
	StartDate   *json.Number `json:"start_date"`
	EndDate     *json.Number `json:"end_date"`
	NextBill    *json.Number `json:"next_bill_date"`
	AutoRenew   *bool        `json:"auto_renew"`
	BillingPlan *string      `json:"billing_plan"`
	InTrial     *bool        `json:"is_in_trial"`
	TrialEnd    *json.Number `json:"trial_period_end_date"`
	ChargeCount *int         `json:"charge_count"`
	Term        *struct {
		ID          *string      `json:"term_id"`
		Name        *string      `json:"name"`
		Type        *string      `json:"type"`
		BillingPlan *string      `json:"payment_billing_plan"`
		FirstPrice  *json.Number `json:"payment_first_price"`
		Currency    *string      `json:"payment_currency"`
		FreeTrial   *bool        `json:"payment_has_free_trial"`
	} `json:"term"`
	User *struct {
		UID   *string `json:"uid"`
		Email *string `json:"email"`
	} `json:"user"`
	CanBeResumed  *bool `json:"can_be_resumed"`
	ChangeEnabled *bool `json:"auto_renew_change_enabled"`
	WillAutoRenew *bool `json:"will_auto_renew"`
}

// decodeSubscription decodes one; path names it in errors.
func decodeSubscription(raw json.RawMessage, path string, filter Filter) (Subscription, error) {
	var i item
	if err := json.Unmarshal(raw, &i); err != nil {
		return Subscription{}, shape(path, err)
	}
	id := strings.TrimSpace(i.ID)
	if id == "" {
		return Subscription{}, fmt.Errorf("%w: %s.subscription_id: is missing", ErrShape, path)
	}
	if i.Status == nil || *i.Status == "" {
		return Subscription{}, fmt.Errorf("%w: %s.status: is missing", ErrShape, path)
	}
	s := Subscription{
		ID: transform.Guard(id), Status: guarded(i.Status), AutoRenew: i.AutoRenew, BillingPlan: guarded(i.BillingPlan),
		InTrial: i.InTrial, ChargeCount: i.ChargeCount,
		CanBeResumed: i.CanBeResumed, AutoRenewChangeEnabled: i.ChangeEnabled, WillAutoRenew: i.WillAutoRenew,
	}
	if u := i.User; u != nil {
		s.UserID = guarded(u.UID)
		s.Internal = filter != nil && filter.Internal(text(u.UID), text(u.Email))
	}
	if t := i.Term; t != nil {
		s.Term = Term{ID: guarded(t.ID), Name: guarded(t.Name), Type: guarded(t.Type), BillingPlan: guarded(t.BillingPlan),
			Currency: guarded(t.Currency), HasFreeTrial: t.FreeTrial}
		if t.FirstPrice != nil {
			s.Term.FirstPrice = t.FirstPrice.String()
		}
	}
	for _, instant := range []struct {
		name string
		from *json.Number
		into **time.Time
	}{
		{"start_date", i.StartDate, &s.StartedAt}, {"end_date", i.EndDate, &s.EndedAt},
		{"next_bill_date", i.NextBill, &s.NextBillAt}, {"trial_period_end_date", i.TrialEnd, &s.TrialEndsAt},
	} {
		at, err := epochSeconds(instant.from)
		if err != nil {
			return Subscription{}, fmt.Errorf("%w: %s.%s: %w", ErrShape, path, instant.name, err)
		}
		*instant.into = at
	}
	return s, nil
}

// guarded is a text as it may be kept: none is trusted to hold no address.
func guarded(s *string) string { return transform.Guard(text(s)) }

func text(s *string) string {
	if s == nil {
		return ""
	}
	return strings.TrimSpace(*s)
}

// epochSeconds parses Piano's dates. 0 means no date, and so does a date after the year
// 2199, which Piano uses for a date that never comes.
func epochSeconds(n *json.Number) (*time.Time, error) {
	const year2200 = 7_258_118_400
	if n == nil || n.String() == "" {
		return nil, nil
	}
	seconds, err := n.Float64()
	if err != nil || math.IsNaN(seconds) || seconds < 0 {
		return nil, fmt.Errorf("want seconds since 1970")
	}
	if seconds == 0 || seconds >= year2200 {
		return nil, nil
	}
	at := time.Unix(int64(seconds), 0).UTC()
	return &at, nil
}
