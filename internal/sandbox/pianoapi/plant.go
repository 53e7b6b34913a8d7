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

// The kinds of drift that can be planted, as reconciliation names them.
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

// Kinds returns all kinds of drift.
func Kinds() []string {
	return []string{MissingInStream, MissingInAPI, Status, AutoRenew, TermType, BillingPeriod, StartedAt, UserID, NextBill, Price}
}

// PlantedDrift is one planted difference, with the values of both sides. A side
// without a value is empty.
type PlantedDrift struct {
	Kind, SubscriptionID string
	Stream, API          string
}

// ErrTooFewSubscriptions reports that the world is too small for the requested
// drift. Planted returns what was planted.
var ErrTooFewSubscriptions = errors.New("too few subscriptions to plant drift in")

// Plant plants each differences of every kind, one per subscription. It selects
// subscriptions that reconciliation compares for certain and whose other fields
// agree. Call it once, before any action. The only error is ErrTooFewSubscriptions.
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

// Planted returns all planted differences.
func (p *Publisher) Planted() []PlantedDrift {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]PlantedDrift(nil), p.planted...)
}

// plantUnknown adds a subscription that the stream does not have, although it
// started in the time of the stream and its term has events.
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
	p.planted = append(p.planted, PlantedDrift{Kind: MissingInStream, SubscriptionID: r.id, API: r.fixed.status})
}

// plantIn plants a difference in a subscription, if it is suitable.
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
	found := PlantedDrift{Kind: kind, SubscriptionID: r.stored}
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

// wrongStatus returns a status that does not agree with the derived one. n selects
// the case; a lost PaymentFailed comes first.
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
		return "active", true // beyond the time of payment retries
	}
	// A cancelled dynamic subscription may be one with a deferred cancel, which
	// agrees.
	return status, st.Status == from && st.TermType == "payment"
}

// instantText renders an instant in whole seconds, as precise as the API.
func instantText(at schemas.Millis) string {
	return time.Unix(seconds(at), 0).UTC().Format(time.RFC3339)
}
