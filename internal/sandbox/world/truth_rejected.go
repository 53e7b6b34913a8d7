package world

import (
	"slices"

	"github.com/pianola/pianola/schemas"
)

// Position is the partition and the offset of a message.
type Position struct {
	Partition int32
	Offset    int64
}

// TruthWithRejected is Truth for a ClickHouse that rejects the rows of some deliveries,
// for example with a constraint. They become dead letters (rejected_by_server). The row
// of an event is that of the highest version among its other deliveries. A position
// without a row has no effect.
func (w *World) TruthWithRejected(places []Position) *Truth {
	rejectedAt := make(map[Position]bool, len(places))
	for _, at := range places {
		rejectedAt[at] = true
	}
	return w.truth(rejectedAt)
}

// AfterRedrive returns the truth after a redrive into a ClickHouse that accepts all rows
// again. All rows exist, and their dead letters are resolved. The counts are those of
// the first reading, because the ledger keeps them. It is for truths of
// TruthWithRejected.
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

// rejectedRow returns the dead letter of a row that ClickHouse rejects. It has only what
// the row has, because the pipeline no longer has the message.
func rejectedRow(row *schemas.Event, partition int32, offset, stamp int64) DeadLetter {
	return DeadLetter{
		Partition: partition, Offset: offset, Reason: schemas.RejectedByServer,
		MessageTime: schemas.Millis(timeOfVersion(version(stamp, offset))), SubscriptionID: string(row.SubscriptionID),
	}
}
