package subscriber

import (
	"time"

	"github.com/shopspring/decimal"
)

// Report is what the tables hold about the subscriber that a key names.
type Report struct {
	// Key is the key as it was looked for: an id, or the hash of an address.
	Key string `json:"key"`
	// FoundBy says which column has it: subscription_id, user_id or user_email_hash_sha256.
	FoundBy string `json:"found_by"`
	// AsOf is the time of the ClickHouse server. States are those at this time.
	AsOf time.Time `json:"as_of"`
	// Users are the user ids of the subscriptions, without repetition.
	Users []string `json:"users"`
	// Subscriptions are in the order of their first event, live ones first.
	Subscriptions []Subscription `json:"subscriptions"`
	// Truncated is true if the key names more than MaxSubscriptions.
	Truncated bool `json:"truncated"`
	// Read is what ClickHouse read for the report; null over HTTP, which does not report it.
	Read *Cost `json:"read"`
}

// Cost is what ClickHouse read.
type Cost struct {
	Rows  uint64 `json:"rows"`
	Bytes uint64 `json:"bytes"`
}

// Subscription is one subscription.
type Subscription struct {
	ID     string `json:"subscription_id"`
	UserID string `json:"user_id"`
	// Summary is its state in plain words. It names days in UTC.
	Summary string   `json:"summary"`
	Marks   []Mark   `json:"marks"`
	State   *State   `json:"state"`    // null without stored events
	API     *API     `json:"api"`      // null if the latest complete snapshot does not have it
	Money   []Amount `json:"payments"` // by currency
	// Disagreements are the open differences between the stream and the API.
	Disagreements []Disagreement `json:"disagreements"`
	Timeline      []Event        `json:"timeline"` // in the documented order
}

// State is the state that follows from the stored events; docs/state.md has the rules.
type State struct {
	Status              string           `json:"status"`
	Closed              bool             `json:"closed"`
	AutoRenew           *bool            `json:"autorenew"`
	AutoRenewDisabledAt *time.Time       `json:"autorenew_disabled_at"`
	InTrial             bool             `json:"in_trial"`
	TrialEndsAt         *time.Time       `json:"trial_ends_at"`
	FailedPayments      uint32           `json:"failed_payments"`
	FailedSince         *time.Time       `json:"failed_since"`
	PeriodEndsAt        *time.Time       `json:"current_period_ends_at"`
	StartedAt           *time.Time       `json:"started_at"`
	EndedAt             *time.Time       `json:"ended_at"`
	EndReason           *string          `json:"end_reason"`
	TermType            *string          `json:"term_type"`
	BillingPeriod       *string          `json:"billing_period"`
	Price               *decimal.Decimal `json:"price"`
	ChangePending       bool             `json:"change_pending"`
	ChangeTo            *string          `json:"change_to_subscription_id"`
	Overdue             bool             `json:"overdue"`
	Partial             bool             `json:"partial"`
	// NextRetryAt is the next attempt that the last failed payment named.
	NextRetryAt *time.Time `json:"next_retry_at"`
}

// API is the row of the latest complete snapshot of Piano's API.
type API struct {
	AsOf         time.Time        `json:"as_of"` // the time that the snapshot describes
	Status       string           `json:"subscription_status"`
	AutoRenew    *bool            `json:"autorenew"`
	NextBillAt   *time.Time       `json:"next_bill_at"`
	RegularPrice *decimal.Decimal `json:"regular_price"`
	Currency     *string          `json:"currency"`
	TermType     *string          `json:"term_type"`
	Filtered     bool             `json:"filtered"` // of an internal user
}

// Amount is the money of one subscription. The events have no currency, so it is that of
// the snapshot; "unknown" without one.
type Amount struct {
	Currency string          `json:"currency"`
	Paid     decimal.Decimal `json:"paid"`
	Payments int             `json:"payments"`
	Refunded decimal.Decimal `json:"refunded"` // positive
	Refunds  int             `json:"refunds"`
}

// Disagreement is an open difference between the stream and the API.
type Disagreement struct {
	Kind     string    `json:"kind"`
	Severity string    `json:"severity"` // drift, routine or information
	Stream   *string   `json:"stream_value"`
	API      *string   `json:"api_value"`
	Since    time.Time `json:"since"`
}

// Event is one stored event.
type Event struct {
	At           time.Time        `json:"event_timestamp"`
	Action       string           `json:"subscription_action"`
	Name         *string          `json:"event_name"`
	Value        *decimal.Decimal `json:"transaction_value"`
	NextBilledAt *time.Time       `json:"next_billed_at"`
	TrialEndsAt  *time.Time       `json:"trial_period_ended_at"`
	TermName     *string          `json:"term_name"`
	ChangeTo     *string          `json:"upgrade_to_subscription_id"`
	Source       string           `json:"source"` // TOPIC/PARTITION/OFFSET, or file and row
	SyncedAt     time.Time        `json:"synced_at"`
}

// Mark is one thing about a subscription that needs attention.
type Mark string

// The marks.
const (
	MarkTrial       Mark = "trial"
	MarkFailed      Mark = "failed payment"
	MarkChange      Mark = "change pending"
	MarkOverdue     Mark = "overdue"
	MarkPartial     Mark = "began before the stream"
	MarkDrift       Mark = "drift"
	MarkDeadLetters Mark = "dead letters"
	MarkInternal    Mark = "internal"
)
