package transform

import "github.com/pianola/pianola/schemas"

// Outcome is the result of a message; every message has exactly one.
type Outcome uint8

// The outcomes.
const (
	Stored       Outcome = iota // an event
	Filtered                    // dropped by a rule: an internal user or an unknown action
	DeadLettered                // refused by a stage
	Skipped                     // a tombstone
)

// String is the name of the outcome in the ledger, the metrics and `pianola
// transform`.
func (o Outcome) String() string {
	switch o {
	case Stored:
		return "stored"
	case Filtered:
		return "filtered"
	case DeadLettered:
		return "dead_letter"
	case Skipped:
		return "skipped"
	}
	return "unknown"
}

// Result is what the stages made of one message. The worker owns it; it is valid
// until the worker's next message.
type Result struct {
	Outcome Outcome

	// Event is set for the outcome Stored.
	Event *schemas.Event

	// SubscriptionID is the id after the PII guard, or nil. It is set for a
	// stored event, for a dead letter with a readable id, and for a message that
	// the internal-user filter dropped. It is nil for a dropped unknown action:
	// that says nothing about the subscription, so its id does not belong in
	// filtered_subscriptions.
	SubscriptionID []byte

	// Reason, Field and Detail explain a dead letter. Field is a canonical name
	// or empty; Detail is a fixed sentence.
	Reason schemas.Reason
	Field  string
	Detail string

	// Notes count the irregularities of this message.
	Notes Notes
}
