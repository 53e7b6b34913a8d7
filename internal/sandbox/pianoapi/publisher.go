package pianoapi

import (
	"context"
	"iter"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// Produce sends one event: the record's key, value and timestamp. It returns when the
// broker has acknowledged the event. The API changes only after that, even when ctx
// ends. One goroutine at a time calls it.
type Produce func(ctx context.Context, key, value []byte, at time.Time) error

// PublisherConfig configures a Publisher.
type PublisherConfig struct {
	Seed uint64
	// Produce sends the events of actions. Without it the publisher is read-only.
	Produce Produce
	// Lag is the maximum delay between an action's events and its change in the API.
	// Chance decides which of the two comes first. It must be well below the settle
	// time of reconciliation.
	Lag time.Duration
	Now func() time.Time // nil is time.Now
}

// Publisher is the Store of a simulated world: its subscriptions as the billing
// system knows them after all messages were published. A subscription whose messages
// all became dead letters is unknown here, too, so that the API agrees with the
// stream unless drift is planted. Some values differ in ways that count as
// agreement. The publisher also has subscriptions that reconciliation skips: of
// internal users, of terms without events, and from before the stream.
//
// Its state changes by the methods of Actor and by Live.
type Publisher struct {
	cfg   PublisherConfig
	now   func() time.Time
	truth *world.Truth
	terms []world.Product

	mu       sync.Mutex // guards everything below
	dice     *rand.Rand
	store    recordStore
	renderer renderer
	build    actionBuilder
	schedule scheduler
	firsts   map[string]schemas.Millis // first events of subscriptions that began since
	changes  map[string]*termChange    // by subscription
	planted  []PlantedDrift
	moved    []*record // whose next bill date support has moved

	failChanges int // changes of term that must fail
}

// NewPublisher builds the store of a world from its truth.
func NewPublisher(w *world.World, truth *world.Truth, cfg PublisherConfig) *Publisher {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	terms, changes, dice := w.Products(), map[string]*termChange{}, rand.New(rand.NewPCG(cfg.Seed, 0x91a90))
	p := &Publisher{
		cfg: cfg, now: cfg.Now, truth: truth, terms: terms, dice: dice, store: newRecordStore(),
		renderer: renderer{terms: terms, now: cfg.Now},
		build:    actionBuilder{terms: terms, now: cfg.Now, changes: changes},
		schedule: scheduler{produce: cfg.Produce, terms: terms, lag: cfg.Lag, now: cfg.Now, dice: dice, counts: map[string]int{}},
		firsts:   map[string]schemas.Millis{}, changes: changes,
	}
	p.schedule.apply = p.apply
	streamStart := schemas.Millis(w.Config().Start.UnixMilli())
	for k := range truth.Known() {
		p.addKnown(k, streamStart)
	}
	p.addForeign(len(p.store.records)/50+len(foreignTerms), w)
	return p
}

// addKnown adds a subscription of the world, if the API has it.
func (p *Publisher) addKnown(k world.Known, streamStart schemas.Millis) {
	r := &record{
		index: k.Index, id: k.ID, stored: k.Stored, user: makePerson(k.UserID, k.Email, k.Index), term: k.Term,
		product: k.Product.Index, resource: k.Resource, country: k.Country, begun: k.BeganAt, hasRows: len(k.Facts) > 0,
	}
	switch {
	case r.hasRows:
		// Reconciliation skips incomplete and filtered subscriptions, so actions on
		// them would test nothing.
		r.acting = !k.Internal && !k.Filtered && !k.Refused && k.Stored == k.ID && k.RowUser != "" && k.RowUser == k.UserID && hasEvents(k.Term)
		r.steady = r.acting && k.LastMessage < p.millis()-schemas.Millis(time.Hour/time.Millisecond)
	case k.Filtered, k.BeganAt < streamStart:
		r.fixed = p.accountWithoutRows(k)
	default:
		return // none of its messages was stored
	}
	p.add(r, k.Facts)
}

// add adds a record. facts are those of its rows.
func (p *Publisher) add(r *record, facts []world.Fact) {
	p.store.add(r)
	p.refresh(r, facts)
}

// refresh recomputes what the API returns for a record.
func (p *Publisher) refresh(r *record, facts []world.Fact) {
	p.store.update(r, p.subscriptionOf(r, facts))
}

// apply changes the API as an action's events say.
func (p *Publisher) apply(a *action) {
	for i := range a.steps {
		s := &a.steps[i]
		if s.r.index < 0 && len(s.r.facts) == 0 {
			p.firsts[s.r.stored] = s.fact.At
		}
		s.r.facts = append(s.r.facts, s.fact)
		if s.fact.NextBilledAt.Valid && s.fact.Action != schemas.PaymentFailed {
			s.r.moved = false
		}
	}
	if a.then != nil {
		a.then()
	}
	for _, r := range a.records() {
		if p.store.byID[r.id] == nil {
			p.add(r, r.facts)
		} else {
			p.refresh(r, p.factsOf(r))
		}
	}
}

// factsOf returns all known facts of a record.
func (p *Publisher) factsOf(r *record) []world.Fact {
	if r.index < 0 {
		return r.facts
	}
	return append(p.truth.FactsOf(r.index), r.facts...)
}

func (p *Publisher) firstEvent(id string) schemas.NullMillis {
	if at, ok := p.firsts[id]; ok {
		return schemas.NullMillis{Millis: at, Valid: true}
	}
	return p.truth.FirstEvent(id)
}

func (p *Publisher) millis() schemas.Millis { return schemas.Millis(p.now().UnixMilli()) }

// List implements Store.
func (p *Publisher) List(q Query) (part []Subscription, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.store.query(q)
	for _, r := range list[min(q.Offset, len(list)):min(q.Offset+q.Limit, len(list))] {
		part = append(part, p.renderer.shown(r))
	}
	return part, len(list)
}

// Get implements Store.
func (p *Publisher) Get(id string) (Subscription, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.store.find(id)
	if r == nil {
		return Subscription{}, false
	}
	return p.renderer.detailed(r), true
}

// All implements Store.
func (p *Publisher) All() iter.Seq[*Subscription] {
	return func(yield func(*Subscription) bool) {
		for i := 0; ; i++ {
			p.mu.Lock()
			if i >= len(p.store.records) {
				p.mu.Unlock()
				return
			}
			r := p.store.records[i]
			s, hidden := p.renderer.shown(r), r.hidden
			p.mu.Unlock()
			if !hidden && !yield(&s) {
				return
			}
		}
	}
}

// Shift implements Shifter: it moves one row of every list to the end.
func (p *Publisher) Shift(dice *rand.Rand) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.store.shift(dice)
}

// Len returns how many subscriptions the API has.
func (p *Publisher) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.store.count()
}
