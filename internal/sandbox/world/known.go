package world

import (
	"iter"

	"github.com/pianola/pianola/schemas"
)

// Known is what the billing system knows about one subscription: the facts of its rows
// and attributes that no row has.
type Known struct {
	Index  int
	ID     string // as the billing system writes it
	Stored string // after the guard, as the tables hold it
	UserID string // as the billing system writes it; may be empty
	Email  string // of the subscriber
	// Internal marks a subscriber that the internal-user filter can recognize.
	Internal bool
	Country  string
	Resource string
	// BeganAt is the start of the life, possibly before the stream.
	BeganAt schemas.Millis
	Term    string  // term_type
	Product Product // of the current period

	// Facts are those of its rows, in no order. It is empty if no message was stored.
	Facts []Fact
	// RowUser is the user id of the latest row with one.
	RowUser string
	// LastMessage is the newest message time among the rows.
	LastMessage schemas.Millis
	// Filtered reports that the filter dropped the newest delivery, so that the
	// subscription counts as internal.
	Filtered bool
	// Refused reports that a dead letter belongs to it, or may belong to it.
	Refused bool
}

// Product is a plan: a tier with a currency and a billing period. Price is per period.
type Product struct {
	Index    int
	Name     string
	Months   int
	Price    schemas.Decimal4
	Currency string
}

// Products returns all products by index.
func (w *World) Products() []Product {
	out := make([]Product, len(w.products))
	for i := range out {
		out[i] = w.productAt(productIndex(i))
	}
	return out
}

func (w *World) productAt(i productIndex) Product {
	p := &w.products[i]
	return Product{Index: int(i), Name: p.name, Months: p.months, Price: schemas.Decimal4(p.price), Currency: currencyCodes[int(i)/periods%currencies]}
}

// Known yields every subscription that started before the world's end. The facts of
// one are valid until the next.
func (tr *Truth) Known() iter.Seq[Known] {
	return func(yield func(Known) bool) {
		w := tr.w
		refused := tr.possiblyRefused()
		enc := tr.newEncoder()
		var facts []Fact
		for i := range w.subs {
			s := &w.subs[i]
			p := &w.people[s.person]
			k := Known{
				Index: i, ID: s.id, Stored: s.stored, UserID: string(p.appendUserID(nil)), Email: string(p.appendAddress(nil)),
				Internal: p.internal != notInternal, Country: countries[p.country], Resource: resources[s.resource],
				BeganAt: schemas.Millis(s.startAt - s.startAt%s.grain), Term: termTypes[s.term],
				Product: w.productAt(w.productNow(s)), Refused: refused[i],
			}
			if int64(k.BeganAt) > w.end {
				continue
			}
			k.Facts = facts[:0]
			userAt, newest := schemas.Millis(0), uint64(0)
			for row := range tr.rowsOf(enc, uint32(i)) {
				k.Facts = append(k.Facts, factOf(row))
				newest = max(newest, row.Version)
				if row.EventTimestamp >= userAt && len(row.UserID) > 0 {
					userAt, k.RowUser = row.EventTimestamp, string(row.UserID)
				}
			}
			facts = k.Facts
			k.LastMessage = schemas.Millis(timeOfVersion(newest))
			k.Filtered = newest < tr.FilteredVersions[s.stored]
			if !yield(k) {
				return
			}
		}
	}
}

// FactsOf returns the facts of one subscription by its Known.Index.
func (tr *Truth) FactsOf(index int) []Fact {
	var facts []Fact
	for row := range tr.rowsOf(tr.newEncoder(), uint32(index)) {
		facts = append(facts, factOf(row))
	}
	return facts
}

// rowOf encodes the delivery of a winner.
func (tr *Truth) rowOf(enc *encoder, win *winner, partition int32) Row {
	enc.encode(&tr.w.schedule[win.delivery])
	return Row{Event: enc.want.row.Clone(), Version: win.version, Epoch: win.epoch, Partition: partition, Offset: win.offset}
}

// rowsOf yields the rows of one subscription in the order of winners.of.
func (tr *Truth) rowsOf(enc *encoder, index uint32) iter.Seq[*Row] {
	s := &tr.w.subs[index]
	return func(yield func(*Row) bool) {
		for win := range tr.winners.of(index, s) {
			row := tr.rowOf(enc, win, s.partition)
			if !yield(&row) {
				return
			}
		}
	}
}

// productNow returns the product of a subscription after its last event.
func (w *World) productNow(s *subscription) productIndex {
	now := s.product
	for i := s.events; i < s.events+s.count; i++ {
		if w.events[i].target == 0 {
			now = w.events[i].product
		}
	}
	return now
}

// FirstEvent returns the time of a subscription's first row, by the id as the tables
// hold it.
func (tr *Truth) FirstEvent(id string) schemas.NullMillis { return tr.firstEvent(id) }

// possiblyRefused marks the subscriptions with dead letters, even when the dead letter
// does not have the id.
func (tr *Truth) possiblyRefused() []bool {
	refused := make([]bool, len(tr.w.subs))
	for i := range tr.w.schedule {
		d := &tr.w.schedule[i]
		e := &tr.w.events[d.event]
		if d.kind == kindBroken || tr.rules.unknown(e.action) && tr.w.cfg.UnknownAction == DeadLetterUnknown {
			refused[e.sub] = true
		}
	}
	for i := range tr.DeadLetters { // rejected by the server
		if sub, ok := tr.byID[tr.DeadLetters[i].SubscriptionID]; ok {
			refused[sub] = true
		}
	}
	return refused
}
