package pianoapi

import (
	"cmp"
	"slices"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// Holding is a subscription with what the desk of customer care needs of it.
type Holding struct {
	Number       int          // its place in the billing system; it never changes
	Subscription Subscription // as a list has it
	Product      world.Product
	Country      string
	Method       string // the payment method that support has set; empty: the user's first one
	HasEvents    bool   // its term has events
}

// Users returns the ids of all users with a subscription. Their place in the list is their
// number, which never changes.
func (p *Publisher) Users() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.store.users)
}

// User returns a user as the API has it, and the user's number.
func (p *Publisher) User(uid string) (u User, number int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	number, ok = p.store.userNumbers[uid]
	if !ok {
		return User{}, 0, false
	}
	return p.renderer.renderUser(p.store.byUser[uid][0], uid), number, true
}

// UserAt returns the id of a user by number.
func (p *Publisher) UserAt(number int) (uid string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if number < 0 || number >= len(p.store.users) {
		return "", false
	}
	return p.store.users[number], true
}

// Holdings returns the subscriptions of a user, the first one first.
func (p *Publisher) Holdings(uid string) []Holding {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []Holding
	for _, r := range p.store.byUser[uid] {
		if !r.hidden && uid != "" {
			all = append(all, p.holding(r))
		}
	}
	return all
}

// Holding returns one subscription by its number.
func (p *Publisher) Holding(number int) (Holding, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if number < 0 || number >= len(p.store.records) || p.store.records[number].hidden {
		return Holding{}, false
	}
	return p.holding(p.store.records[number]), true
}

// HoldingOf returns one subscription by its id.
func (p *Publisher) HoldingOf(id string) (Holding, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.store.find(id)
	if r == nil {
		return Holding{}, false
	}
	return p.holding(r), true
}

// Numbers returns how many numbers there are, and of each how many events it has had
// since the world's end.
func (p *Publisher) Numbers() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	events := make([]int, len(p.store.records))
	for i, r := range p.store.records {
		events[i] = len(r.facts)
	}
	return events
}

func (p *Publisher) holding(r *record) Holding {
	return Holding{
		Number: r.number, Subscription: p.renderer.shown(r), Product: p.terms[r.product], Country: r.country, Method: r.method,
		HasEvents: hasEvents(r.term),
	}
}

// History returns the events of a subscription in order of time. One that the stream does
// not have has one event: its start, with a charge if it has a price.
func (p *Publisher) History(number int) []world.Fact {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.store.records[number]
	if r.fixed != nil {
		return []world.Fact{{At: r.fixed.startedAt, Action: schemas.Created, Value: r.fixed.price, TermType: r.term, Period: periodText(r.fixed.months)}}
	}
	facts := slices.Clone(p.factsOf(r))
	slices.SortStableFunc(facts, func(a, b world.Fact) int { return cmp.Compare(a.At, b.At) })
	return facts
}
