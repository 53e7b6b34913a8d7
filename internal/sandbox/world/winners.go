package world

import (
	"iter"

	"github.com/pianola/pianola/schemas"
)

// winner is the delivery that gives an identity its row. Without stored there is no row.
type winner struct {
	version  uint64
	offset   int64
	at       int64 // event_timestamp of the row
	delivery uint32
	epoch    uint32
	stored   bool
}

// winners are those of all identities.
//
// Under the default rules an event has one identity in all notations, and the identity
// needs no map. Under other rules the deliveries of one event can
// have several identities, and those of two events the same one.
type winners struct {
	list  []winner                   // by event under the default rules
	byID  map[schemas.EventID]uint32 // index in list; nil under the default rules
	bySub map[uint32][]uint32        // indexes in list, by subscription
}

func newWinners(w *World, rules *compiledRules) winners {
	if rules.isDefault() {
		return winners{list: make([]winner, len(w.events))}
	}
	return newWinnersByID()
}

// newWinnersByID returns winners that can be looked up by their identities.
func newWinnersByID() winners {
	return winners{byID: map[schemas.EventID]uint32{}, bySub: map[uint32][]uint32{}}
}

// slot returns the winner of a delivery's identity. It is valid until the next call.
func (s *winners) slot(event, sub uint32, id schemas.EventID) *winner {
	if s.byID == nil {
		return &s.list[event]
	}
	i, known := s.byID[id]
	if !known {
		i = uint32(len(s.list))
		s.list = append(s.list, winner{})
		s.byID[id] = i
		s.bySub[sub] = append(s.bySub[sub], i)
	}
	return &s.list[i]
}

// of yields the winners of one subscription: under the default rules in the order of its
// life, otherwise in that of their first deliveries.
func (s *winners) of(index uint32, sub *subscription) iter.Seq[*winner] {
	return func(yield func(*winner) bool) {
		if s.byID != nil {
			for _, i := range s.bySub[index] {
				if !yield(&s.list[i]) {
					return
				}
			}
			return
		}
		for i := sub.events; i < sub.events+sub.count; i++ {
			if s.list[i].stored && !yield(&s.list[i]) {
				return
			}
		}
	}
}
