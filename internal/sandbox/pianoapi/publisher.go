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

// Produce sends one event: the record's key, value and timestamp. It returns once
// the event is there: after that ctx may end, and what the API says is changed. It
// is called by one goroutine at a time.
type Produce func(ctx context.Context, key, value []byte, at time.Time) error

// PublisherConfig says what a Publisher is like.
type PublisherConfig struct {
	Seed uint64
	// Produce sends the events of deeds; nil makes a publisher that cannot be
	// acted on.
	Produce Produce
	// Lag is how long at most a deed's event and its change of the API are apart;
	// which of them comes first is drawn. It must be well below what reconciling
	// takes as settled.
	Lag time.Duration
	Now func() time.Time // nil is time.Now
}

// Publisher is the shelf of a simulated world: what its billing system knows after
// all its messages have been told and read. What never became a row is not known
// to it either, so without anything planted it agrees with the stream; but for
// differences that count as agreement it uses all of Piano's words. It also has
// subscriptions that are not compared: of internal users, of terms that have no
// events, and such as began before the stream.
//
// It goes on living when somebody acts on it, or by Live.
type Publisher struct {
	cfg   PublisherConfig
	now   func() time.Time
	truth *world.Truth
	terms []world.Product

	mu      sync.Mutex
	dice    *rand.Rand
	records []*record // in the order of the world; new ones at the end
	byID    map[string]*record
	lists   map[string][]*record // by status, least recently updated first
	byUser  map[string][]*record
	firsts  map[string]schemas.Millis // first events of those that began since
	changes map[string]*pending       // of terms, by subscription
	planted []Planted
	late    []*half        // halves of deeds that are still to be done
	lastAt  schemas.Millis // of the last event
	born    int
	deeds   map[string]int
	failing int // changes of term that are to fail
}

// record is one subscription as the publisher knows it.
type record struct {
	index  int // of the world; -1 for those that are not of it
	id     string
	stored string
	user   person
	term   string
	// product is an index of terms.
	product  int
	resource string
	country  string
	begun    schemas.Millis // when the life began
	facts    []world.Fact   // since the world ended; of those that are not of it, all
	hasRows  bool           // the stream knows it
	fixed    *account       // of those without facts
	plant    func(*account) // changes what is served
	nextBill schemas.NullMillis
	moved    bool // nextBill was set by care
	hidden   bool // the API does not have it
	acting   bool // open to Live
	steady   bool // compared for certain, unless somebody acts on it
	busy     int  // halves of deeds that are outstanding

	state  world.State
	served Subscription
}

// NewPublisher makes the shelf of a world whose truth is told.
func NewPublisher(w *world.World, truth *world.Truth, cfg PublisherConfig) *Publisher {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	p := &Publisher{
		cfg: cfg, now: cfg.Now, truth: truth, terms: w.Products(),
		dice: rand.New(rand.NewPCG(cfg.Seed, 0x91a90)), byID: map[string]*record{}, lists: map[string][]*record{},
		byUser: map[string][]*record{}, firsts: map[string]schemas.Millis{}, changes: map[string]*pending{}, deeds: map[string]int{},
	}
	began := schemas.Millis(w.Config().Start.UnixMilli())
	for k := range truth.Known() {
		p.know(k, began)
	}
	p.addForeign(len(p.records)/50+len(foreignTerms), w)
	return p
}

// know puts a subscription of the world on the shelf, if the API has it.
func (p *Publisher) know(k world.Known, streamBegan schemas.Millis) {
	r := &record{
		index: k.Index, id: k.ID, stored: k.Stored, user: makePerson(k.UserID, k.Email, k.Index), term: k.Term,
		product: k.Product.Index, resource: k.Resource, country: k.Country, begun: k.BeganAt, hasRows: len(k.Facts) > 0,
	}
	switch {
	case r.hasRows:
		// To act on what is partly lost or not to be seen would prove nothing.
		r.acting = !k.Internal && !k.Filtered && !k.Refused && k.Stored == k.ID && k.RowUser != "" && k.RowUser == k.UserID && goesOn(k.Term)
		r.steady = r.acting && k.LastMessage < p.millis()-schemas.Millis(time.Hour/time.Millisecond)
	case k.Filtered, k.BeganAt < streamBegan:
		r.fixed = p.longAgo(k)
	default:
		return // all its messages were lost
	}
	p.put(r, k.Facts)
}

// put adds a record. facts are those of its rows.
func (p *Publisher) put(r *record, facts []world.Fact) {
	p.records = append(p.records, r)
	p.byID[r.id] = r
	p.byUser[r.user.uid] = append(p.byUser[r.user.uid], r)
	p.serve(r, facts)
}

// serve works out anew what the API says of a record, and moves it to the end of
// its list: it is the one updated last.
func (p *Publisher) serve(r *record, facts []world.Fact) {
	before := r.served.Status
	r.served = p.render(r, facts)
	p.unlist(r, before)
	if !r.hidden {
		p.lists[r.served.Status] = append(p.lists[r.served.Status], r)
	}
}

// unlist takes a record from the list of a status.
func (p *Publisher) unlist(r *record, status string) {
	list := p.lists[status]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] == r {
			p.lists[status] = append(list[:i], list[i+1:]...)
			return
		}
	}
}

// factsOf are all that is known of a record.
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

// List is Shelf's.
func (p *Publisher) List(q Query) (part []Subscription, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.lists[q.Status]
	switch {
	case q.UserID != "":
		list = nil
		for _, r := range p.byUser[q.UserID] {
			if !r.hidden && (q.Status == "" || r.served.Status == q.Status) {
				list = append(list, r)
			}
		}
	case q.Status == "":
		list = nil
		for _, r := range p.records {
			if !r.hidden {
				list = append(list, r)
			}
		}
	}
	list = ordered(list, q.SelectBy)
	for _, r := range list[min(q.Offset, len(list)):min(q.Offset+q.Limit, len(list))] {
		part = append(part, p.shown(r))
	}
	return part, len(list)
}

// Get is Shelf's.
func (p *Publisher) Get(id string) (Subscription, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.byID[id]
	if r == nil || r.hidden {
		return Subscription{}, false
	}
	return p.detailed(r), true
}

// All is Shelf's.
func (p *Publisher) All() iter.Seq[*Subscription] {
	return func(yield func(*Subscription) bool) {
		for i := 0; ; i++ {
			p.mu.Lock()
			if i >= len(p.records) {
				p.mu.Unlock()
				return
			}
			r := p.records[i]
			s, hidden := p.shown(r), r.hidden
			p.mu.Unlock()
			if !hidden && !yield(&s) {
				return
			}
		}
	}
}

// Shift is Shifter's: it moves a row of every list to where those stand that were
// updated last.
func (p *Publisher) Shift(dice *rand.Rand) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for status, list := range p.lists {
		if len(list) > 1 {
			r := list[dice.IntN(len(list))]
			p.unlist(r, status)
			p.lists[status] = append(p.lists[status], r)
		}
	}
}

// Len counts what the API has.
func (p *Publisher) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, list := range p.lists {
		n += len(list)
	}
	return n
}
