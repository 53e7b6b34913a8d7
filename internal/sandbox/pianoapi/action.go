package pianoapi

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// action is one thing that a subscriber or support does: the events to send, and a
// change of the API that follows from these events.
type action struct {
	name  string
	steps []step
	// also is another subscription whose API state changes by these events.
	also *record
	then func() // runs with the API change; may be nil
}

// step is one event of one subscription.
type step struct {
	r      *record
	fact   world.Fact
	number int // of the billing period; 0 is absent
}

// delayedHalf is the half of an action that happens later: its events or its API
// change.
type delayedHalf struct {
	action *action
	due    time.Time
	send   bool // true: send the events; false: change the API
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

// do sends the events and changes the API. With lagging it may delay one of the two.
// An error is a send error; then nothing has changed.
func (s *scheduler) do(ctx context.Context, d *action, lagging bool) error {
	now := schemas.Millis(s.now().UnixMilli())
	for i := range d.steps {
		// Every event has its own instant, later than the events before it.
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

// delay schedules the other half of an action.
func (s *scheduler) delay(d *action, send bool) {
	for _, r := range d.records() {
		r.busy++
	}
	after := time.Duration(s.dice.Int64N(int64(s.lag)))
	s.late = append(s.late, &delayedHalf{action: d, due: s.now().Add(after), send: send})
}

// catchUp runs the delayed halves that are due, in the order of their actions.
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

// finish runs all delayed halves.
func (s *scheduler) finish(ctx context.Context) error {
	return s.catchUp(ctx, time.Unix(1<<40, 0))
}

// records returns the subscriptions of an action without duplicates.
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

// send sends the events. Their record time is the time of sending.
func (s *scheduler) send(ctx context.Context, d *action) error {
	for i := range d.steps {
		one := &d.steps[i]
		if err := s.produce(ctx, []byte(one.r.id), eventJSON(one, &s.terms[one.r.product]), s.now()); err != nil {
			return err
		}
	}
	return nil
}
