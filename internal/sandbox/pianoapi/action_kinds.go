package pianoapi

import (
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// actionBuilder builds the actions of subscribers and of support.
type actionBuilder struct {
	terms   []world.Product
	now     func() time.Time
	created int                    // subscriptions built since the start
	changes map[string]*termChange // by subscription
}

// step returns an event of a subscription with the attributes that every event has.
func (b *actionBuilder) step(r *record, action string) step {
	return step{r: r, fact: world.Fact{Action: action, TermType: r.term, Period: periodText(b.terms[r.product].Months)}}
}

// single returns an action with one event.
func (b *actionBuilder) single(r *record, name string) *action {
	return &action{name: name, steps: []step{b.step(r, name)}}
}

// addCharge adds the attributes of a charge for one period.
func (b *actionBuilder) addCharge(s *step) {
	product := &b.terms[s.r.product]
	s.fact.NextBilledAt = b.afterMonths(product.Months)
	s.fact.Value = schemas.NullDecimal4{Decimal4: product.Price, Valid: true}
	s.number = 1
}

func (b *actionBuilder) afterMonths(months int) schemas.NullMillis {
	at := b.now().UTC().AddDate(0, months, 0)
	return schemas.NullMillis{Millis: schemas.Millis(at.UnixMilli()), Valid: true}
}

func (b *actionBuilder) afterDays(days int) schemas.NullMillis {
	at := b.now().Add(time.Duration(days) * 24 * time.Hour)
	return schemas.NullMillis{Millis: schemas.Millis(at.UnixMilli()), Valid: true}
}

// renew is a successful charge.
func (b *actionBuilder) renew(r *record) *action {
	d := b.single(r, schemas.Renewed)
	b.addCharge(&d.steps[0])
	return d
}

// failPayment is a failed charge. Its next bill date is that of a retry.
func (b *actionBuilder) failPayment(r *record) *action {
	d := b.single(r, schemas.PaymentFailed)
	d.steps[0].fact.NextBilledAt = b.afterDays(3)
	return d
}

// cancelNow ends the subscription immediately. refund is the part of the last payment that
// is paid back; 0 is nothing.
func (b *actionBuilder) cancelNow(r *record, refund schemas.Decimal4) *action {
	d := b.single(r, schemas.Canceled)
	if refund > 0 {
		d.steps[0].fact.Value = schemas.NullDecimal4{Decimal4: -refund, Valid: true}
	}
	return d
}

// resume reverts a pending or actual end.
func (b *actionBuilder) resume(r *record) *action {
	d := b.single(r, schemas.Resumed)
	if r.state.Status.Closed() {
		b.addCharge(&d.steps[0])
	}
	return d
}

// subscribe starts a new subscription, possibly with a trial.
func (b *actionBuilder) subscribe(who person, country, term string, product int, trial bool) *action {
	r := b.newRecord(who, country, term, product)
	created := b.step(r, schemas.Created)
	b.addCharge(&created)
	d := &action{name: schemas.Created, steps: []step{created}}
	if trial {
		// The end is relative to the event, whose time the scheduler sets.
		lasts := schemas.NullMillis{Millis: 14 * day, Valid: true}
		d.steps[0].fact.TrialEndsAt, d.steps[0].fact.NextBilledAt = lasts, b.afterDays(14)
		d.steps[0].fact.Value, d.steps[0].number = schemas.NullDecimal4{Valid: true}, 0
		started := b.step(r, schemas.TrialStarted)
		started.fact.TrialEndsAt = lasts
		d.steps = append(d.steps, started)
	}
	return d
}

// newRecord returns a subscription that is not yet in the store.
func (b *actionBuilder) newRecord(who person, country, term string, product int) *record {
	b.created++
	id := fmt.Sprintf("RCIN%06d", b.created)
	return &record{
		index: -1, id: id, stored: id, user: who, term: term, product: product, resource: "Digital Access", country: country,
		begun: schemas.Millis(b.now().UnixMilli()), hasRows: true, acting: true,
	}
}

// changeTerm moves a subscription to another product: a new subscription starts now
// or later.
func (b *actionBuilder) changeTerm(r *record, product int, now bool) *action {
	change := &termChange{from: r, to: b.newRecord(r.user, r.country, r.term, product), uid: r.user.uid}
	name := schemas.Upgraded
	if b.terms[product].Price*schemas.Decimal4(b.terms[r.product].Months) < b.terms[r.product].Price*schemas.Decimal4(b.terms[product].Months) {
		name = schemas.Downgraded
	}
	d := b.single(r, name)
	d.steps[0].fact.ChangeTo = change.to.id
	d.then = func() { b.changes[r.id] = change }
	if now {
		d.steps = append(d.steps, b.completeChange(change).steps...)
		change.done = true
	}
	return d
}

// completeChange is the start of the new subscription of a change.
func (b *actionBuilder) completeChange(c *termChange) *action {
	created := b.step(c.to, schemas.Created)
	b.addCharge(&created)
	return &action{name: "change takes effect", steps: []step{created}, also: c.from, then: func() { c.done = true }}
}

// termChange is a requested or recent change of term.
type termChange struct {
	from, to *record
	uid      string
	done     bool // in effect
	asked    int  // status requests since then
	status   int  // Piano's number
}

// Piano's numbers of a change's status.
const (
	changePending  = 0
	changeFailed   = 1
	changeCanceled = 4
)

// pendingPolls is the number of status requests that still return pending after a
// change is in effect.
const pendingPolls = 2
