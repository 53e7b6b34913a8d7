package world

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"iter"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// Rows yields every row of subscription_events in the order of (subscription_id,
// event_timestamp, event_id), with ids compared as bytes. It encodes one subscription
// at a time, so that a large world needs little memory. A row is valid until the next.
func (tr *Truth) Rows() iter.Seq[*Row] {
	return func(yield func(*Row) bool) {
		for _, rows := range tr.subscriptions() {
			for i := range rows {
				if !yield(&rows[i]) {
					return
				}
			}
		}
	}
}

// subscriptions yields the rows of each subscription in the order of Rows. A slice is
// valid until the next.
func (tr *Truth) subscriptions() iter.Seq2[string, []Row] {
	return func(yield func(string, []Row) bool) {
		enc := tr.newEncoder()
		var rows []Row
		for id, of := range tr.owners() {
			rows = rows[:0]
			if of.inWorld {
				for row := range tr.rowsOf(enc, of.sub) {
					rows = append(rows, *row)
				}
			}
			rows = append(rows, tr.added.rows[id]...)
			slices.SortFunc(rows, func(a, b Row) int {
				return cmp.Or(cmp.Compare(a.EventTimestamp, b.EventTimestamp), bytes.Compare(a.ID[:], b.ID[:]))
			})
			if !yield(id, rows) {
				return
			}
		}
	}
}

// Digest returns the SHA-256 of all rows, one AppendStored line each. Two truths with
// the same digest have the same rows.
func (tr *Truth) Digest() [sha256.Size]byte {
	h := sha256.New()
	var line []byte
	for row := range tr.Rows() {
		line = append(row.AppendStored(line[:0]), '\n')
		_, _ = h.Write(line) // never an error
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// States yields the state of every subscription with rows at a moment, in the order of
// their ids. It uses only the rows: events that were not stored have no effect.
func (tr *Truth) States(now schemas.Millis) iter.Seq[State] {
	return func(yield func(State) bool) {
		var facts []Fact
		for id, rows := range tr.subscriptions() {
			facts = facts[:0]
			for i := range rows {
				facts = append(facts, factOf(&rows[i]))
			}
			if !yield(StateOf(id, facts, now, tr.firstEvent)) {
				return
			}
		}
	}
}

func (tr *Truth) firstEvent(id string) schemas.NullMillis {
	sub, ok := tr.byID[id]
	if !ok {
		return tr.added.firstEvent(id)
	}
	return at(schemas.Millis(tr.firstAt[sub]))
}

func factOf(r *Row) Fact {
	return Fact{
		At: r.EventTimestamp, Action: string(r.SubscriptionAction), NextBilledAt: r.NextBilledAt, TrialEndsAt: r.TrialPeriodEndedAt,
		Value: r.TransactionValue, TermType: string(r.TermType), Period: string(r.BillingPeriod), ChangeTo: string(r.UpgradeToSubscriptionID),
	}
}
