package piano

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/pianola/pianola/transform"
)

// Subscription is one subscription of the API, without personal data. Absent fields are
// nil or empty. Instants are UTC.
//
// AutoRenew, InTrial and Term.HasFreeTrial are never nil: Piano leaves out booleans that
// are false. Those that only Get returns are nil where Piano leaves them out, since an
// older API may not have them.
type Subscription struct {
	// Unreadable: the row has another form than expected. It has only ID, and the
	// subscription exists.
	Unreadable bool
	ID         string // subscription_id, guarded
	UserID     string // user.uid, guarded; empty without one
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
	Cancelable             *bool
	CancelableAndRefunded  *bool // it can be cancelled with a refund of the last payment
	CancelableAtPeriodEnd  *bool
	InGracePeriod          *bool
	ExternalAPI            string // who bills it where Piano does not, such as APPLE_ITUNES; empty otherwise
	PaymentMethodID        string // user_payment_info_id
	ResourceID             string
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
	// ForcesAutoRenew: auto-renew of its subscriptions cannot be turned off. Nil where Piano
	// leaves it out.
	ForcesAutoRenew *bool
}

// Filter is the internal-user filter, by the original user id and address.
type Filter interface {
	Internal(userID, email string) bool
}

// item is a subscription as the API writes it. The address is used for the filter only.
type item struct {
	ID          string  `json:"subscription_id"`
	Status      *string `json:"status"`
	StartDate   Date    `json:"start_date"`
	EndDate     Date    `json:"end_date"`
	NextBill    Date    `json:"next_bill_date"`
	AutoRenew   *bool   `json:"auto_renew"`
	BillingPlan *string `json:"billing_plan"`
	InTrial     *bool   `json:"is_in_trial"`
	TrialEnd    Date    `json:"trial_period_end_date"`
	ChargeCount *int    `json:"charge_count"`
	Term        *struct {
		ID          *string      `json:"term_id"`
		Name        *string      `json:"name"`
		Type        *string      `json:"type"`
		BillingPlan *string      `json:"payment_billing_plan"`
		FirstPrice  *json.Number `json:"payment_first_price"`
		Currency    *string      `json:"payment_currency"`
		FreeTrial   *bool        `json:"payment_has_free_trial"`
		ForcesRenew *bool        `json:"payment_force_auto_renew"`
	} `json:"term"`
	User *struct {
		UID   *string `json:"uid"`
		Email *string `json:"email"`
	} `json:"user"`
	CanBeResumed  *bool `json:"can_be_resumed"`
	ChangeEnabled *bool `json:"auto_renew_change_enabled"`
	WillAutoRenew *bool `json:"will_auto_renew"`
	Cancelable    *bool `json:"cancelable"`
	Refundable    *bool `json:"cancelable_and_refundadle"` // Piano's spelling
	Deferrable    *bool `json:"deferred_cancelable"`
	InGrace       *bool `json:"in_grace_period"`

	ExternalAPI     *string `json:"external_api_name"`
	PaymentMethodID *string `json:"user_payment_info_id"`
	Resource        *struct {
		ID *string `json:"rid"`
	} `json:"resource"`
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
		ID: transform.Guard(id), Status: guarded(i.Status), AutoRenew: orFalse(i.AutoRenew), BillingPlan: guarded(i.BillingPlan),
		InTrial: orFalse(i.InTrial), ChargeCount: i.ChargeCount,
		CanBeResumed: i.CanBeResumed, AutoRenewChangeEnabled: i.ChangeEnabled, WillAutoRenew: i.WillAutoRenew,
		Cancelable: i.Cancelable, CancelableAndRefunded: i.Refundable, CancelableAtPeriodEnd: i.Deferrable, InGracePeriod: i.InGrace,
		ExternalAPI: guarded(i.ExternalAPI), PaymentMethodID: guarded(i.PaymentMethodID),
	}
	if i.Resource != nil {
		s.ResourceID = guarded(i.Resource.ID)
	}
	if u := i.User; u != nil {
		s.UserID = guarded(u.UID)
		s.Internal = filter != nil && filter.Internal(text(u.UID), text(u.Email))
	}
	if t := i.Term; t != nil {
		s.Term = Term{ID: guarded(t.ID), Name: guarded(t.Name), Type: guarded(t.Type), BillingPlan: guarded(t.BillingPlan),
			Currency: guarded(t.Currency), HasFreeTrial: orFalse(t.FreeTrial), ForcesAutoRenew: t.ForcesRenew}
		if t.FirstPrice != nil {
			s.Term.FirstPrice = t.FirstPrice.String()
		}
	}
	for _, instant := range []struct {
		name string
		from Date
		into **time.Time
	}{
		{"start_date", i.StartDate, &s.StartedAt}, {"end_date", i.EndDate, &s.EndedAt},
		{"next_bill_date", i.NextBill, &s.NextBillAt}, {"trial_period_end_date", i.TrialEnd, &s.TrialEndsAt},
	} {
		at, err := instant.from.Instant()
		if err != nil {
			return Subscription{}, fmt.Errorf("%w: %s.%s: %w", ErrShape, path, instant.name, err)
		}
		*instant.into = at
	}
	return s, nil
}

// unreadable is a row that decodeSubscription cannot decode. Its ID is empty where even
// that cannot be read.
func unreadable(raw json.RawMessage) Subscription {
	var row struct {
		ID string `json:"subscription_id"`
	}
	if json.Unmarshal(raw, &row) != nil {
		return Subscription{Unreadable: true}
	}
	return Subscription{Unreadable: true, ID: transform.Guard(strings.TrimSpace(row.ID))}
}

func orFalse(b *bool) *bool {
	if b == nil {
		return new(bool)
	}
	return b
}

// guarded is a text as it may be kept: none is trusted to hold no address.
func guarded(s *string) string { return transform.Guard(text(s)) }

func text(s *string) string {
	if s == nil {
		return ""
	}
	return strings.TrimSpace(*s)
}
