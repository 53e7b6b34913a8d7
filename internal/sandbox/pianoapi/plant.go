package pianoapi

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// The kinds of disagreement that can be planted, by the names that reconciliation
// has for them.
const (
	MissingInStream = "missing_in_stream"
	MissingInAPI    = "missing_in_api"
	Status          = "status"
	AutoRenew       = "autorenew"
	TermType        = "term_type"
	BillingPeriod   = "billing_period"
	StartedAt       = "started_at"
	UserID          = "user_id"
	NextBill        = "next_bill"
	Price           = "price"
)

// Kinds are all of them.
func Kinds() []string {
	return []string{MissingInStream, MissingInAPI, Status, AutoRenew, TermType, BillingPeriod, StartedAt, UserID, NextBill, Price}
}

// Planted is one disagreement that was put in: the kind, whose it is, and what the
// two sides say in words. Empty is a side that has nothing.
type Planted struct {
	Kind, SubscriptionID string
	Stream, API          string
}

// ErrTooFewSubscriptions says that a world is too small for what was to be planted: Planted says
// what there was room for.
var ErrTooFewSubscriptions = errors.New("not enough subscriptions that are compared for certain")

// Plant puts in so many disagreements of each kind, each with a subscription of its
// own that is compared for certain, and whose other fields agree to the letter. It
// is called once, before anybody acts. An error is ErrTooFewSubscriptions.
func (p *Publisher) Plant(seed uint64, each int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	dice := rand.New(rand.NewPCG(seed, 0xd41f7))
	order := dice.Perm(len(p.store.records))
	var short error
	for _, kind := range Kinds() {
		for n := range each {
			if kind == MissingInStream {
				p.plantUnknown(n)
				continue
			}
			at := -1
			for i, candidate := range order {
				if candidate >= 0 && p.plantIn(p.store.records[candidate], kind, n) {
					at = i
					break
				}
			}
			if at < 0 {
				short = fmt.Errorf("plant %d of %s: %w", each, kind, ErrTooFewSubscriptions)
				break
			}
			order[at] = -1
		}
	}
	return short
}

// Planted are all that Plant has put in.
func (p *Publisher) Planted() []Planted {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Planted(nil), p.planted...)
}

// plantUnknown adds a subscription of which the stream knows nothing: it began
// while the stream was there, in a term that has events.
func (p *Publisher) plantUnknown(n int) {
	at := p.millis() - 90*day
	term := []string{"payment", "dynamic"}[n%2]
	r := &record{
		index: -1, id: fmt.Sprintf("RCIX%06d", n), user: inventedPerson("unheard", n), term: term, product: n % len(p.terms),
		resource: "Digital Access", begun: at,
	}
	r.stored = r.id
	r.fixed = &account{
		uid: r.user.uid, status: []string{"active", "fail_and_retry", "expired"}[n%3], autoRenew: n%3 != 2, startedAt: at, term: term,
		months: p.terms[r.product].Months, price: schemas.NullDecimal4{Decimal4: p.terms[r.product].Price, Valid: true}, charges: 1,
	}
	p.add(r, nil)
	p.planted = append(p.planted, Planted{Kind: MissingInStream, SubscriptionID: r.id, API: r.fixed.status})
}

// plantIn puts a disagreement into a subscription, where it is one that will do.
func (p *Publisher) plantIn(r *record, kind string, n int) bool {
	st := &r.state
	if !r.steady || r.plant != nil || r.busy > 0 || len(r.facts) > 0 || st.Partial || st.ChangePending || !st.StartedAt.Valid {
		return false
	}
	if kind != Status && st.Status != world.StatusActive {
		return false
	}
	facts := p.factsOf(r)
	a := p.account(r, facts)
	was := a
	found := Planted{Kind: kind, SubscriptionID: r.stored}
	switch kind {
	case MissingInAPI:
		found.Stream = string(st.Status)
		r.hidden = true
	case Status:
		wrong, ok := wrongStatus(st, lastFailure(facts), p.millis(), n)
		if !ok {
			return false
		}
		found.Stream, found.API = a.status, wrong
		r.plant = func(a *account) { a.status = wrong }
	case AutoRenew:
		if st.AutoRenew == world.AutoRenewUnknown {
			return false
		}
		found.Stream, found.API = strconv.FormatBool(a.autoRenew), strconv.FormatBool(!a.autoRenew)
		r.plant = func(a *account) { a.autoRenew = !was.autoRenew }
	case TermType:
		other := map[string]string{"payment": "dynamic", "dynamic": "payment"}[a.term]
		found.Stream, found.API = a.term, other
		r.plant = func(a *account) { a.term = other }
	case BillingPeriod:
		if a.months == 0 {
			return false
		}
		other := map[int]int{1: 3, 3: 12, 12: 24, 24: 1}[a.months]
		found.Stream, found.API = periodText(a.months), periodText(other)
		r.plant = func(a *account) { a.months = other }
	case StartedAt:
		other := a.startedAt - 3*day
		found.Stream, found.API = instantText(a.startedAt), instantText(other)
		r.plant = func(a *account) { a.startedAt = other }
	case UserID:
		other := r.user.uid + "-merged"
		found.Stream, found.API = a.uid, other
		r.plant = func(a *account) { a.uid = other }
	case NextBill:
		if !a.nextBill.Valid {
			return false
		}
		other := a.nextBill.Millis + 9*day
		found.Stream, found.API = instantText(a.nextBill.Millis), instantText(other)
		r.plant = func(a *account) { a.nextBill.Millis = other }
	case Price:
		text, ok := amountText(a.price)
		if !ok || !st.Price.Valid || a.months == 0 {
			return false
		}
		other := schemas.NullDecimal4{Decimal4: a.price.Decimal4 + 5_0000, Valid: true}
		found.Stream = text
		found.API, _ = amountText(other)
		r.plant = func(a *account) { a.price = other }
	}
	r.acting = false
	p.refresh(r, facts)
	p.planted = append(p.planted, found)
	return true
}

// wrongStatus is a status that does not agree with the derived one, of a kind that
// is drawn by number. A lost PaymentFailed comes first.
func wrongStatus(st *world.State, failedAt schemas.NullMillis, now schemas.Millis, n int) (status string, ok bool) {
	var from world.Status
	switch n % 6 {
	case 0:
		from, status = world.StatusActive, "fail_and_retry"
	case 1:
		from, status = world.StatusActive, "expired"
	case 2:
		from, status = world.StatusExpired, "active"
	case 3:
		from, status = world.StatusActive, "cancelled"
	case 4:
		from, status = world.StatusExpired, "upgraded"
	case 5:
		from, status = world.StatusActive, "deleted"
	}
	if st.Status == world.StatusFailAndRetry && n%6 == 0 && failedAt.Valid && now-failedAt.Millis > 31*day {
		return "active", true // for longer than a payment is tried again
	}
	// A cancel of a dynamic subscription may be read as one for the end of its
	// period.
	return status, st.Status == from && st.TermType == "payment"
}

// instantText is an instant in whole seconds, which is all that the API tells.
func instantText(at schemas.Millis) string {
	return time.Unix(seconds(at), 0).UTC().Format(time.RFC3339)
}
