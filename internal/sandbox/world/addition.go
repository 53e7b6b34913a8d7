package world

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/pianola/pianola/schemas"
)

// Addition is a record between the messages of the world: an event that somebody caused
// while they were published. All rules make the same row of it, and no message of the world
// has its identity.
type Addition struct {
	Position
	Stamp int64 // milliseconds, as a reader of the record gets them
	Event schemas.Event
}

// additions are those of a topic. The zero value is empty.
type additions struct {
	taken map[Position]bool
	rows  map[string][]Row // by subscription
}

func newAdditions(all []Addition) additions {
	a := additions{map[Position]bool{}, map[string][]Row{}}
	for _, one := range all {
		a.taken[one.Position] = true
		row := Row{Event: one.Event.Clone(), Version: version(one.Stamp, one.Offset), Partition: one.Partition, Offset: one.Offset}
		row.ID = eventID(row.SubscriptionID, int64(row.EventTimestamp), row.SubscriptionAction)
		id := string(row.SubscriptionID)
		a.rows[id] = append(a.rows[id], row)
	}
	return a
}

// free returns the first offset from this one on that a message of the world can have.
func (a *additions) free(partition int32, offset int64) int64 {
	for a.taken[Position{partition, offset}] {
		offset++
	}
	return offset
}

// count adds the records to the counts of a topic.
func (a *additions) count(to *Counts) {
	n := len(a.taken)
	to.Messages, to.Stored, to.Rows = to.Messages+n, to.Stored+n, to.Rows+n
}

// newcomers are the subscriptions that the world does not have, in order.
func (a *additions) newcomers(known map[string]uint32) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(a.rows)), func(id string) bool {
		_, there := known[id]
		return there
	})
}

// firstEvent returns the time of the first addition of a subscription.
func (a *additions) firstEvent(id string) (first schemas.NullMillis) {
	for i := range a.rows[id] {
		if t := a.rows[id][i].EventTimestamp; !first.Valid || t < first.Millis {
			first = at(t)
		}
	}
	return first
}

// owners yields the ids of all subscriptions with rows in order. sub is the index of one in
// the world; inWorld is false for a newcomer.
func (tr *Truth) owners() iter.Seq2[string, owner] {
	return func(yield func(string, owner) bool) {
		newcomers := tr.added.newcomers(tr.byID)
		for _, sub := range tr.order {
			id := tr.w.subs[sub].stored
			for ; len(newcomers) > 0 && strings.Compare(newcomers[0], id) < 0; newcomers = newcomers[1:] {
				if !yield(newcomers[0], owner{}) {
					return
				}
			}
			if !yield(id, owner{sub, true}) {
				return
			}
		}
		for _, id := range newcomers {
			if !yield(id, owner{}) {
				return
			}
		}
	}
}

// owner is the subscription of rows.
type owner struct {
	sub     uint32
	inWorld bool
}
