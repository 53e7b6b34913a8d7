package reconcile

import (
	"time"

	"github.com/google/uuid"
)

// Kind is a kind of difference between stream and API.
type Kind string

// The kinds, in the order of reports.
const (
	MissingInStream Kind = "missing_in_stream"
	MissingInAPI    Kind = "missing_in_api"
	StatusDiffers   Kind = "status"
	AutoRenew       Kind = "autorenew"
	TermType        Kind = "term_type"
	BillingPeriod   Kind = "billing_period"
	StartedAt       Kind = "started_at"
	UserID          Kind = "user_id"
	NextBill        Kind = "next_bill"
	Price           Kind = "price"
)

// Kinds returns all kinds, in the order of reports.
func Kinds() []Kind {
	return []Kind{MissingInStream, MissingInAPI, StatusDiffers, AutoRenew, TermType, BillingPeriod, StartedAt, UserID, NextBill, Price}
}

// Severity classifies a kind.
type Severity string

// The severities.
const (
	SeverityDrift       Severity = "drift"       // an event is missing or wrong
	SeverityRoutine     Severity = "routine"     // customer care edits it without an event
	SeverityInformation Severity = "information" // the two sides may mean different things
)

// Severity returns the severity of the kind.
func (k Kind) Severity() Severity {
	switch k {
	case NextBill:
		return SeverityRoutine
	case Price:
		return SeverityInformation
	default:
		return SeverityDrift
	}
}

// Report is the result of a run, as --json shows it.
type Report struct {
	RunID    uuid.UUID `json:"run_id"`
	AsOf     time.Time `json:"as_of"` // the moment that the snapshot describes
	Snapshot Snapshot  `json:"snapshot"`
	// StreamBegan is when the stream's first messages were sent. A subscription that
	// started or ended before and has no events is not compared. Nil without events.
	StreamBegan *time.Time `json:"stream_began"`

	Compared uint64 `json:"compared"` // subscriptions
	// NothingCompared: there was something to compare, and nothing was compared. So the run
	// shows nothing, and is a finding.
	NothingCompared bool `json:"nothing_compared"`

	NotCompared map[string]uint64 `json:"not_compared"` // subscriptions, by reason
	Agreed      map[string]uint64 `json:"agreed"`       // differences that count as agreement, as "kind:stream→api"
	Candidates  uint64            `json:"candidates"`   // subscriptions that differed in the snapshot
	Verified    uint64            `json:"verified"`     // of these, those that the API was asked about again
	Drift       []KindCount       `json:"drift"`        // by kind, in the order of Kinds; kinds without any are left out

	// What the run changed in the table drift. All 0 when it was superseded.
	Opened uint64 `json:"opened"`
	Closed uint64 `json:"closed"`
	Open   uint64 `json:"open"` // afterwards
	// Superseded: a run of a later snapshot completed first, so this one changed
	// nothing.
	Superseded bool `json:"superseded"`

	Took []PhaseTook `json:"took"`
}

// Clean reports whether there is no difference of severity drift.
func (r *Report) Clean() bool {
	for _, k := range r.Drift {
		if k.Severity == SeverityDrift && k.Count > 0 {
			return false
		}
	}
	return true
}

// KindCount counts the differences of one kind.
type KindCount struct {
	Kind       Kind      `json:"kind"`
	Severity   Severity  `json:"severity"`
	Count      uint64    `json:"count"`
	Unverified uint64    `json:"unverified"` // of these, without a second answer of the API
	Examples   []Example `json:"examples"`   // a few, verified ones first
}

// Example is one difference.
type Example struct {
	SubscriptionID string  `json:"subscription_id"`
	Stream         *string `json:"stream"` // nil where there are no events
	API            *string `json:"api"`    // nil where the API has none
	Verified       bool    `json:"verified"`
}

// Snapshot describes the snapshot of a run.
type Snapshot struct {
	ID                 uuid.UUID `json:"snapshot_id"`
	Source             string    `json:"source"` // api or csv
	Whole              bool      `json:"whole"`  // has every subscription, as far as is known, so the views show it
	CompletedAt        time.Time `json:"completed_at"`
	Pages              uint64    `json:"pages"`
	Rows               uint64    `json:"rows"`
	Filtered           uint64    `json:"filtered"` // internal users
	Repeated           uint64    `json:"repeated"` // read more than once
	UnreadPlans        uint64    `json:"unread_plans"`
	Unreadable         uint64    `json:"unreadable"` // of the rows: the API's row had another form than expected
	WithoutID          uint64    `json:"without_id"` // rows of the API without a readable subscription
	Tombstones         uint64    `json:"tombstones"`
	TombstonesWithheld uint64    `json:"tombstones_withheld"` // too many at once: an alarm
}

// Phase is one of the five phases of a run.
type Phase string

// The phases, in their order.
const (
	PhaseSnapshot Phase = "snapshot" // read the API or a file
	PhaseSettle   Phase = "settle"   // wait for the consumer group
	PhaseCompare  Phase = "compare"
	PhaseVerify   Phase = "verify" // ask the API again
	PhaseDrift    Phase = "drift"  // write the differences
)

// PhaseTook is how long a phase took.
type PhaseTook struct {
	Phase   Phase   `json:"phase"`
	Seconds float64 `json:"seconds"`
}
