package reconcile

import (
	"time"

	"github.com/google/uuid"
)

// Kind is what stream and API can disagree about.
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

// Kinds are all of them.
func Kinds() []Kind {
	return []Kind{MissingInStream, MissingInAPI, StatusDiffers, AutoRenew, TermType, BillingPeriod, StartedAt, UserID, NextBill, Price}
}

// Severity says what a disagreement means.
type Severity string

// The severities.
const (
	SeverityDrift       Severity = "drift"       // an event is missing or wrong
	SeverityRoutine     Severity = "routine"     // customer care edits it, and no event says so
	SeverityInformation Severity = "information" // the two sides need not mean the same
)

// Severity is what a disagreement of this kind means.
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

// Report is what a run found, as --json shows it.
type Report struct {
	RunID    uuid.UUID `json:"run_id"`
	AsOf     time.Time `json:"as_of"` // the moment that the snapshot speaks of
	Snapshot Snapshot  `json:"snapshot"`
	// StreamBegan is when the stream's first messages were sent: what started or ended
	// before it, and has no events, is not compared. Nil where there are no events.
	StreamBegan *time.Time `json:"stream_began"`

	Compared    uint64            `json:"compared"`     // subscriptions
	NotCompared map[string]uint64 `json:"not_compared"` // subscriptions, by reason
	Agreed      map[string]uint64 `json:"agreed"`       // differences that count as agreement, as "kind:stream→api"
	Candidates  uint64            `json:"candidates"`   // subscriptions that differed in the snapshot
	Verified    uint64            `json:"verified"`     // of these, how many the API was asked about again
	Drift       []KindCount       `json:"drift"`        // by kind, in the order of Kinds; kinds without any are left out

	// What the run made of the table drift, in disagreements. All 0 when it was
	// superseded.
	Opened uint64 `json:"opened"`
	Closed uint64 `json:"closed"`
	Open   uint64 `json:"open"` // afterwards
	// Superseded says that a run of a later snapshot was complete first, so that
	// this one opened and closed nothing.
	Superseded bool `json:"superseded"`

	Took []PhaseTook `json:"took"`
}

// Clean says whether nothing of severity drift was found.
func (r *Report) Clean() bool {
	for _, k := range r.Drift {
		if k.Severity == SeverityDrift && k.Count > 0 {
			return false
		}
	}
	return true
}

// KindCount is what was found of one kind.
type KindCount struct {
	Kind       Kind      `json:"kind"`
	Severity   Severity  `json:"severity"`
	Count      uint64    `json:"count"`
	Unverified uint64    `json:"unverified"` // of these, those that the API was not asked about again
	Examples   []Example `json:"examples"`   // a few, verified ones first
}

// Example is one disagreement.
type Example struct {
	SubscriptionID string  `json:"subscription_id"`
	Stream         *string `json:"stream"` // nil where there are no events
	API            *string `json:"api"`    // nil where the API has none
	Verified       bool    `json:"verified"`
}

// Snapshot is what became of reading the API or a file.
type Snapshot struct {
	ID                 uuid.UUID `json:"snapshot_id"`
	Source             string    `json:"source"` // api or csv
	Whole              bool      `json:"whole"`  // of every subscription, as far as is known: the views show it
	CompletedAt        time.Time `json:"completed_at"`
	Pages              uint64    `json:"pages"`
	Rows               uint64    `json:"rows"`
	Filtered           uint64    `json:"filtered"` // internal users'
	Repeated           uint64    `json:"repeated"` // read more than once
	UnreadPlans        uint64    `json:"unread_plans"`
	Tombstones         uint64    `json:"tombstones"`
	TombstonesWithheld uint64    `json:"tombstones_withheld"` // too many at once: an alarm
}

// Phase is a part of a run.
type Phase string

// The phases, in their order.
const (
	PhaseSnapshot Phase = "snapshot" // read the API or a file
	PhaseSettle   Phase = "settle"   // wait for the stream
	PhaseCompare  Phase = "compare"
	PhaseVerify   Phase = "verify" // ask the API again
	PhaseDrift    Phase = "drift"  // write down what was found
)

// PhaseTook is how long a phase took.
type PhaseTook struct {
	Phase   Phase   `json:"phase"`
	Seconds float64 `json:"seconds"`
}
