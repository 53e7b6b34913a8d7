package audit

import (
	"fmt"

	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// account adds up the ledger rows of one partition.
type account struct {
	*Partition
	cover  coverage
	lowest int64 // offset of a row in subscription_events; meaningful when Rows is not 0

	// The last record that a flush has read; it identifies the topic.
	lastOffset int64
	lastTime   schemas.Millis
	lastHash   string
}

func newAccount(k Key) *account {
	return &account{Partition: &Partition{Key: k, Lost: []Lost{}}, lastOffset: -1}
}

func keyOf(r *schemas.LedgerRow) Key {
	return Key{Source: r.Source, Topic: r.Name, Epoch: r.Epoch, Partition: r.Partition}
}

// add adds the next row and returns what is wrong with it.
func (a *account) add(r *schemas.LedgerRow, before uint64) []Finding {
	a.Repeated += before
	var wrong []Finding
	if why := unbalanced(r); why != "" {
		at := span{r.StartOffset, r.NextOffset}
		wrong = append(wrong, Finding{Kind: Unbalanced, Key: a.Key, Start: at.start, Next: at.next, Messages: r.Messages,
			Text: fmt.Sprintf("%s: the ledger row does not balance: %s", a.at(at), why)})
	}
	if r.Kind == schemas.LedgerLost {
		a.Lost = append(a.Lost, Lost{r.StartOffset, r.NextOffset, r.Cause})
	} else {
		a.Flushes++
		a.Messages, a.Stored, a.Filtered = a.Messages+r.Messages, a.Stored+r.Stored, a.Filtered+r.Filtered
		a.DeadLettered, a.Skipped = a.DeadLettered+r.DeadLettered, a.Skipped+r.Skipped
		if r.LastOffset > a.lastOffset {
			a.lastOffset, a.lastTime, a.lastHash = r.LastOffset, r.LastTimestamp, r.LastPayload
		}
	}
	if r.StartOffset <= r.NextOffset {
		a.cover.add(span{r.StartOffset, r.NextOffset})
	}
	return wrong
}

// close sets what is known after the last row.
func (a *account) close() {
	if !a.cover.empty() {
		a.Start, a.Next = a.cover.start(), a.cover.end()
	}
	a.Overlaps, a.ReadAgain = a.cover.overlaps, a.cover.again()
}

// position is what the check at assignment knows of the partition.
func (a *account) position() sink.Position {
	return sink.Position{
		InLedger: !a.cover.empty(), Epoch: a.Epoch, OnlyLost: a.Flushes == 0, Reached: a.Next,
		LastOffset: a.lastOffset, LastTimestamp: a.lastTime, LastPayload: a.lastHash,
	}
}

// unbalanced returns why a row cannot be correct; empty where it can. A row of a lost
// range has read nothing.
func unbalanced(r *schemas.LedgerRow) string {
	became := r.Stored + r.Filtered + r.DeadLettered + r.Skipped
	switch {
	case r.StartOffset < 0 || r.NextOffset < r.StartOffset:
		return "the range is invalid"
	case r.Messages != became:
		return fmt.Sprintf("%d messages are not %d stored + %d filtered + %d dead-lettered + %d skipped = %d",
			r.Messages, r.Stored, r.Filtered, r.DeadLettered, r.Skipped, became)
	case r.Kind == schemas.LedgerLost && r.Messages != 0:
		return fmt.Sprintf("%d messages in a lost range", r.Messages)
	case r.Messages > span{r.StartOffset, r.NextOffset}.length():
		return fmt.Sprintf("%d messages do not fit into the range", r.Messages)
	case r.Messages > 0 && (r.LastOffset < r.StartOffset || r.LastOffset >= r.NextOffset):
		return fmt.Sprintf("the last record, %d, is not in the range", r.LastOffset)
	}
	return ""
}
