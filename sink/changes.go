package sink

import "github.com/pianola/pianola/schemas"

// Change is what a replay changes about one message.
type Change string

// The changes.
const (
	Unchanged        Change = "unchanged"         // the tables say the same already
	Superseded       Change = "superseded"        // its event has a delivery with a higher version
	Added            Change = "added"             // its event is new in the table
	Restored         Change = "restored"          // the delivery that hid its event now gives another
	Altered          Change = "altered"           // the same event with other columns
	Moved            Change = "moved"             // another event than before
	ToDeadLetter     Change = "to_dead_letter"    // had an event, is refused now
	FromDeadLetter   Change = "from_dead_letter"  // was refused, has an event now
	ToFiltered       Change = "to_filtered"       // had an event, is filtered now
	FromFiltered     Change = "from_filtered"     // was filtered, has an event now
	AddedDeadLetter  Change = "added_dead_letter" // was unknown, is refused now
	AlteredLetter    Change = "altered_letter"    // is refused for another reason than before
	ResolvedDropped  Change = "dropped_letter"    // was refused, is filtered now
	maxChangeSamples        = 5                   // of one kind
)

// Changes are the numbers of messages by what changes about them.
type Changes struct {
	Messages map[Change]uint64
	// Columns counts the altered and the moved messages by column.
	Columns map[string]uint64
	// Samples are a few messages of each kind that changes something.
	Samples []Sample
}

// Sample is one message and what changes about it.
type Sample struct {
	Change  Change
	At      schemas.Coordinates
	Columns []string  // Those that differ.
	Before  *Identity // Nil where it had no event.
	After   *Identity // Nil where no event is left.
}

// Identity is what makes an event the event that it is, without the subscription.
type Identity struct {
	EventID            schemas.EventID
	EventTimestamp     schemas.Millis
	SubscriptionAction string
}

// Add adds the numbers of another chunk, and samples while there are few.
func (c *Changes) Add(other Changes) {
	if c.Messages == nil {
		c.Messages = map[Change]uint64{}
	}
	for change, n := range other.Messages {
		c.Messages[change] += n
	}
	if c.Columns == nil && other.Columns != nil {
		c.Columns = map[string]uint64{}
	}
	for column, n := range other.Columns {
		c.Columns[column] += n
	}
	kept := map[Change]int{}
	for _, s := range c.Samples {
		kept[s.Change]++
	}
	for _, s := range other.Samples {
		if kept[s.Change]++; kept[s.Change] <= maxChangeSamples {
			c.Samples = append(c.Samples, s)
		}
	}
}

// Any reports whether anything changes.
func (c *Changes) Any() bool {
	for change, n := range c.Messages {
		if n > 0 && change != Unchanged && change != Superseded {
			return true
		}
	}
	return false
}
