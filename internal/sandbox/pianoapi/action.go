package pianoapi

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// action is what somebody does: events that are sent, and then what the API says of
// the subscriptions changes as these events say.
type action struct {
	name  string
	steps []step
	// also is a subscription that changes by the others' events.
	also *record
	then func() // done with the API's half; may be nil
}

// step is one event of one subscription.
type step struct {
	r      *record
	fact   world.Fact
	number int // of the billing period; 0 is not told
}

// half is the part of an action that is late.
type delayedHalf struct {
	action *action
	due    time.Time
	send   bool // it is the events; else it is the API
}

// scheduler sends the events of actions and applies them to the API. It may delay one
// of the two, as the real systems do.
type scheduler struct {
	produce Produce
	apply   func(*action)
	terms   []world.Product
	lag     time.Duration // the maximum delay
	now     func() time.Time
	dice    *rand.Rand
	late    []*delayedHalf
	lastAt  schemas.Millis // of the last event
	counts  map[string]int // actions by name
}

// do sends and applies at once, or with one of the two late. An error is that of
// sending: then nothing has changed.
func (s *scheduler) do(ctx context.Context, d *action, lagging bool) error {
	now := schemas.Millis(s.now().UnixMilli())
	for i := range d.steps {
		// No two events share an instant, and none is told before one that it
		// follows.
		s.lastAt = max(now, s.lastAt+1)
		d.steps[i].fact.At = s.lastAt
		if d.steps[i].fact.TrialEndsAt.Valid {
			d.steps[i].fact.TrialEndsAt.Millis += s.lastAt
		}
	}
	s.counts[d.name]++
	when := 0
	if lagging && s.lag > 0 {
		when = s.dice.IntN(3)
	}
	switch when {
	case 1:
		if err := s.send(ctx, d); err != nil {
			return err
		}
		s.delay(d, false)
	case 2:
		s.apply(d)
		s.delay(d, true)
	default:
		if err := s.send(ctx, d); err != nil {
			return err
		}
		s.apply(d)
	}
	return nil
}

// later puts the other half of an action off.
func (s *scheduler) delay(d *action, send bool) {
	for _, r := range d.records() {
		r.busy++
	}
	after := time.Duration(s.dice.Int64N(int64(s.lag)))
	s.late = append(s.late, &delayedHalf{action: d, due: s.now().Add(after), send: send})
}

// catchUp does the halves that are due by a moment, in the order of their actionCounts.
func (s *scheduler) catchUp(ctx context.Context, now time.Time) error {
	for i := 0; i < len(s.late); {
		h := s.late[i]
		if h.due.After(now) {
			i++
			continue
		}
		if h.send {
			if err := s.send(ctx, h.action); err != nil {
				return err
			}
		} else {
			s.apply(h.action)
		}
		for _, r := range h.action.records() {
			r.busy--
		}
		s.late = slices.Delete(s.late, i, i+1)
	}
	return nil
}

// finish does all halves that are outstanding.
func (s *scheduler) finish(ctx context.Context) error {
	return s.catchUp(ctx, time.Unix(1<<40, 0))
}

// records are those that an action is about, each once.
func (d *action) records() []*record {
	var all []*record
	for _, one := range d.steps {
		if !slices.Contains(all, one.r) {
			all = append(all, one.r)
		}
	}
	if d.also != nil && !slices.Contains(all, d.also) {
		all = append(all, d.also)
	}
	return all
}

// send tells the stream. The records' timestamp is the moment of sending.
func (s *scheduler) send(ctx context.Context, d *action) error {
	for i := range d.steps {
		one := &d.steps[i]
		if err := s.produce(ctx, []byte(one.r.id), eventJSON(one, &s.terms[one.r.product]), s.now()); err != nil {
			return err
		}
	}
	return nil
}
