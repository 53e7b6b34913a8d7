package transform

import "github.com/pianola/pianola/schemas"

// Outcome is what became of a message; every message has exactly one.
type Outcome uint8

// The outcomes.
const (
	Stored       Outcome = iota // an event
	Filtered                    // dropped on purpose: an internal user, or an unknown action
	DeadLettered                // refused by a stage
	Skipped                     // a tombstone
)

// String is the outcome as the ledger, the metrics and pianola transform name it.
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

// Result is what the stages made of one message. It belongs to the worker that
// made it and holds until that worker's next message.
type Result struct {
	Outcome Outcome

	// Event is set when the message is stored.
	Event *schemas.Event

	// SubscriptionID is the id after the PII guard, or nil. It is set for a
	// stored event; for a dead letter where it can be read; and for a message
	// that the internal-user filter dropped. It is nil where an unknown action
	// was dropped: that says nothing about the subscription, so its id has no
	// place in filtered_subscriptions.
	SubscriptionID []byte

	// Reason, Field and Detail say why a message is a dead letter. Field is a
	// canonical name, or empty; Detail is a fixed sentence.
	Reason schemas.Reason
	Field  string
	Detail string

	// Notes count what was odd about this one message.
	Notes Notes
}
