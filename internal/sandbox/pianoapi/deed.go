package pianoapi

import (
	"context"
	"slices"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// deed is what somebody does: events that are sent, and then what the API says of
// the subscriptions changes as these events say.
type deed struct {
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

// half is the part of a deed that is late.
type half struct {
	deed *deed
	due  time.Time
	send bool // it is the events; else it is the API
}

// do sends and applies at once, or with one of the two late. An error is that of
// sending: then nothing has changed.
func (p *Publisher) do(ctx context.Context, d *deed, lagging bool) error {
	now := p.millis()
	for i := range d.steps {
		// No two events share an instant, and none is told before one that it
		// follows.
		p.lastAt = max(now, p.lastAt+1)
		d.steps[i].fact.At = p.lastAt
		if d.steps[i].fact.TrialEndsAt.Valid {
			d.steps[i].fact.TrialEndsAt.Millis += p.lastAt
		}
	}
	p.deeds[d.name]++
	when := 0
	if lagging && p.cfg.Lag > 0 {
		when = p.dice.IntN(3)
	}
	switch when {
	case 1:
		if err := p.send(ctx, d); err != nil {
			return err
		}
		p.later(d, false)
	case 2:
		p.apply(d)
		p.later(d, true)
	default:
		if err := p.send(ctx, d); err != nil {
			return err
		}
		p.apply(d)
	}
	return nil
}

// later puts the other half of a deed off.
func (p *Publisher) later(d *deed, send bool) {
	for _, r := range d.records() {
		r.busy++
	}
	after := time.Duration(p.dice.Int64N(int64(p.cfg.Lag)))
	p.late = append(p.late, &half{deed: d, due: p.now().Add(after), send: send})
}

// catchUp does the halves that are due by a moment, in the order of their deeds.
func (p *Publisher) catchUp(ctx context.Context, now time.Time) error {
	for i := 0; i < len(p.late); {
		h := p.late[i]
		if h.due.After(now) {
			i++
			continue
		}
		if h.send {
			if err := p.send(ctx, h.deed); err != nil {
				return err
			}
		} else {
			p.apply(h.deed)
		}
		for _, r := range h.deed.records() {
			r.busy--
		}
		p.late = slices.Delete(p.late, i, i+1)
	}
	return nil
}

// finish does all halves that are outstanding.
func (p *Publisher) finish(ctx context.Context) error {
	return p.catchUp(ctx, time.Unix(1<<40, 0))
}

// records are those that a deed is about, each once.
func (d *deed) records() []*record {
	var all []*record
	for _, s := range d.steps {
		if !slices.Contains(all, s.r) {
			all = append(all, s.r)
		}
	}
	if d.also != nil && !slices.Contains(all, d.also) {
		all = append(all, d.also)
	}
	return all
}

// send tells the stream. The records' timestamp is the moment of sending.
func (p *Publisher) send(ctx context.Context, d *deed) error {
	for i := range d.steps {
		s := &d.steps[i]
		if err := p.cfg.Produce(ctx, []byte(s.r.id), p.message(s), p.now()); err != nil {
			return err
		}
	}
	return nil
}

// apply changes what the API says.
func (p *Publisher) apply(d *deed) {
	for i := range d.steps {
		s := &d.steps[i]
		if s.r.index < 0 && len(s.r.facts) == 0 {
			p.firsts[s.r.stored] = s.fact.At
		}
		s.r.facts = append(s.r.facts, s.fact)
		if s.fact.NextBilledAt.Valid && s.fact.Action != schemas.PaymentFailed {
			s.r.moved = false
		}
	}
	if d.then != nil {
		d.then()
	}
	for _, r := range d.records() {
		if p.byID[r.id] == nil {
			p.put(r, r.facts)
		} else {
			p.serve(r, p.factsOf(r))
		}
	}
}
