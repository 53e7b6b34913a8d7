package pianoapi

import (
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// step begins an event of a subscription: what every event tells of it.
func (p *Publisher) step(r *record, action string) step {
	return step{r: r, fact: world.Fact{Action: action, TermType: r.term, Period: periodText(p.terms[r.product].Months)}}
}

// one is a deed of one event.
func (p *Publisher) one(r *record, action string) *deed {
	return &deed{name: action, steps: []step{p.step(r, action)}}
}

// billed adds what a charge for a period tells.
func (p *Publisher) billed(s *step) {
	product := &p.terms[s.r.product]
	s.fact.NextBilledAt = p.afterMonths(product.Months)
	s.fact.Value = schemas.NullDecimal4{Decimal4: product.Price, Valid: true}
	s.number = 1
}

func (p *Publisher) afterMonths(months int) schemas.NullMillis {
	at := p.now().UTC().AddDate(0, months, 0)
	return schemas.NullMillis{Millis: schemas.Millis(at.UnixMilli()), Valid: true}
}

func (p *Publisher) afterDays(days int) schemas.NullMillis {
	at := p.now().Add(time.Duration(days) * 24 * time.Hour)
	return schemas.NullMillis{Millis: schemas.Millis(at.UnixMilli()), Valid: true}
}

// renewed is a charge that succeeds.
func (p *Publisher) renewed(r *record) *deed {
	d := p.one(r, schemas.Renewed)
	p.billed(&d.steps[0])
	return d
}

// failed is a charge that does not. What it tells as the next is a retry.
func (p *Publisher) failed(r *record) *deed {
	d := p.one(r, schemas.PaymentFailed)
	d.steps[0].fact.NextBilledAt = p.afterDays(3)
	return d
}

// canceled ends it now, with or without the last payment given back.
func (p *Publisher) canceled(r *record, refund bool) *deed {
	d := p.one(r, schemas.Canceled)
	if refund {
		d.steps[0].fact.Value = schemas.NullDecimal4{Decimal4: -p.terms[r.product].Price, Valid: true}
	}
	return d
}

// resumed undoes an end that is to come, or one that has come.
func (p *Publisher) resumed(r *record) *deed {
	d := p.one(r, schemas.Resumed)
	if r.state.Status.Closed() {
		p.billed(&d.steps[0])
	}
	return d
}

// begun is a new subscription of somebody, half of them with a trial.
func (p *Publisher) begun(who person, country, term string, product int, trial bool) *deed {
	r := p.fresh(who, country, term, product)
	created := p.step(r, schemas.Created)
	p.billed(&created)
	d := &deed{name: schemas.Created, steps: []step{created}}
	if trial {
		// The trial's end is counted from the event, whose time is not yet known.
		lasts := schemas.NullMillis{Millis: 14 * day, Valid: true}
		d.steps[0].fact.TrialEndsAt, d.steps[0].fact.NextBilledAt = lasts, p.afterDays(14)
		d.steps[0].fact.Value, d.steps[0].number = schemas.NullDecimal4{Valid: true}, 0
		started := p.step(r, schemas.TrialStarted)
		started.fact.TrialEndsAt = lasts
		d.steps = append(d.steps, started)
	}
	return d
}

// fresh makes a subscription that is on no shelf yet.
func (p *Publisher) fresh(who person, country, term string, product int) *record {
	p.born++
	id := fmt.Sprintf("RCIN%06d", p.born)
	return &record{
		index: -1, id: id, stored: id, user: who, term: term, product: product, resource: "Digital Access", country: country,
		begun: p.millis(), hasRows: true, acting: true,
	}
}

// changed moves a subscription to another product: a new subscription, which
// begins now or later.
func (p *Publisher) changed(r *record, product int, now bool) *deed {
	change := &pending{from: r, to: p.fresh(r.user, r.country, r.term, product), uid: r.user.uid}
	action := schemas.Upgraded
	if p.terms[product].Price*schemas.Decimal4(p.terms[r.product].Months) < p.terms[r.product].Price*schemas.Decimal4(p.terms[product].Months) {
		action = schemas.Downgraded
	}
	d := p.one(r, action)
	d.steps[0].fact.ChangeTo = change.to.id
	d.then = func() { p.changes[r.id] = change }
	if now {
		d.steps = append(d.steps, p.arrives(change).steps...)
		change.done = true
	}
	return d
}

// arrives lets a change take effect.
func (p *Publisher) arrives(c *pending) *deed {
	created := p.step(c.to, schemas.Created)
	p.billed(&created)
	return &deed{name: "change takes effect", steps: []step{created}, also: c.from, then: func() { c.done = true }}
}
