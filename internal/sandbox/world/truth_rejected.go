package world

import (
	"slices"

	"github.com/pianola/pianola/schemas"
)

// Position is where a message lies in the world's topic.
type Position struct {
	Partition int32
	Offset    int64
}

// TruthWithRejected is Truth for a ClickHouse that refuses the rows of some
// deliveries, as a constraint of its own makes it do: they are dead letters
// (rejected_by_server), and an event's row is that of the highest version among
// the others. A place whose message has no row is left as it is.
func (w *World) TruthWithRejected(places []Position) *Truth {
	rejectedAt := make(map[Position]bool, len(places))
	for _, at := range places {
		rejectedAt[at] = true
	}
	return w.truth(rejectedAt)
}

// AfterRedrive is the truth after ClickHouse has stopped to refuse and the rows have
// been redriven: every row is there, and their dead letters are resolved. The
// ledger accounts for what the first reading came to, so its counts stay. It is for
// truths of TruthWithRejected.
func (tr *Truth) AfterRedrive() *Truth {
	after := tr.w.Truth()
	rows, redelivered := after.Counts.Rows, after.Counts.Redelivered
	after.Counts = tr.Counts
	after.Counts.Rows, after.Counts.Redelivered = rows, redelivered
	after.Reasons = tr.Reasons
	after.DeadLetters = slices.Clone(tr.DeadLetters)
	for i := range after.DeadLetters {
		d := &after.DeadLetters[i]
		d.Resolved = d.Reason == schemas.RejectedByServer
	}
	return after
}

// rejected is the dead letter of a row that ClickHouse refuses. Of the message
// nothing is left by then but the row.
func rejectedRow(row *schemas.Event, partition int32, offset, stamp int64) DeadLetter {
	return DeadLetter{
		Partition: partition, Offset: offset, Reason: schemas.RejectedByServer,
		MessageTime: schemas.Millis(clampStamp(stamp)), SubscriptionID: string(row.SubscriptionID),
	}
}
