package pianoapi

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// Live runs random actions at about this rate until ctx ends. Then it completes the
// delayed halves and returns nil. An error is a send error.
func (p *Publisher) Live(ctx context.Context, perSecond float64) error {
	acts := time.NewTicker(max(time.Millisecond, time.Duration(float64(time.Second)/perSecond)))
	defer acts.Stop()
	halves := time.NewTicker(max(time.Millisecond, p.cfg.Lag/10))
	defer halves.Stop()
	for {
		var err error
		select {
		case <-acts.C:
			err = p.Act(ctx)
		case <-halves.C:
			if err = p.CatchUp(ctx); err == nil {
				err = p.Bill(ctx)
			}
		case <-ctx.Done():
			// Stream and API must agree at the end.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			return p.Finish(last)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// Act runs one random action.
func (p *Publisher) Act(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d := p.choose(); d != nil {
		return p.schedule.do(context.WithoutCancel(ctx), d, true)
	}
	return nil
}

// CatchUp runs the delayed halves of actions that are due.
func (p *Publisher) CatchUp(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.schedule.catchUp(context.WithoutCancel(ctx), p.now())
}

// Bill charges the subscriptions whose next bill date was moved and has passed. One that
// does not renew expires. Until that date Act does not renew them.
func (p *Publisher) Bill(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	ctx = context.WithoutCancel(ctx)
	for _, r := range p.moved {
		if !r.moved || r.busy > 0 || r.state.Status.Closed() || r.nextBill.Millis > p.millis() {
			continue
		}
		d := p.build.renew(r)
		if r.state.AutoRenew == world.AutoRenewOff {
			d = p.build.single(r, schemas.Expired)
		}
		if err := p.schedule.do(ctx, d, false); err != nil {
			return err
		}
	}
	p.moved = slices.DeleteFunc(p.moved, func(r *record) bool { return !r.moved || r.state.Status.Closed() })
	return nil
}

// Finish runs all delayed halves of actions.
func (p *Publisher) Finish(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.schedule.finish(ctx)
}

// ActionCounts returns the number of actions by name.
func (p *Publisher) ActionCounts() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.schedule.counts)
}

// choose draws a subscription and an action for it, or returns nil.
func (p *Publisher) choose() *action {
	if p.dice.IntN(10) == 0 {
		who := inventedPerson("newcomer", p.build.created)
		return p.build.subscribe(who, "DK", []string{"payment", "dynamic"}[p.dice.IntN(2)], p.dice.IntN(len(p.terms)), p.dice.IntN(3) == 0)
	}
	for range 100 {
		r := p.store.records[p.dice.IntN(len(p.store.records))]
		// Most subscriptions are closed, and only a few of them resume.
		if r.acting && r.busy == 0 && (!r.state.Status.Closed() || p.dice.IntN(20) == 0) {
			return p.nextAction(r)
		}
	}
	return nil
}

// nextAction draws the next action of a subscription.
func (p *Publisher) nextAction(r *record) *action {
	at := p.dice.IntN(100)
	c := p.changes[r.id]
	early := r.moved && r.nextBill.Millis > p.millis() // too early to renew
	switch st := &r.state; {
	case st.Status == world.StatusUpgraded:
		return nil
	case st.Status.Closed():
		return p.build.resume(r)
	case c != nil && !c.done && c.status == changePending && c.to.busy == 0:
		return p.build.completeChange(c)
	case st.Status == world.StatusFailAndRetry:
		switch {
		case at < 55:
			return p.build.renew(r)
		case at < 80:
			return p.build.failPayment(r)
		default:
			return p.build.single(r, schemas.Expired)
		}
	case st.AutoRenew == world.AutoRenewOff:
		switch {
		case at < 35:
			return p.build.single(r, schemas.AutoRenewEnabled)
		case at < 60:
			return p.build.resume(r)
		default:
			return p.build.single(r, schemas.Expired)
		}
	case at < 40 && !early:
		return p.build.renew(r)
	case at < 60:
		return p.build.single(r, schemas.AutoRenewDisabled)
	case at < 75:
		return p.build.failPayment(r)
	case at < 80:
		return p.build.cancelNow(r, p.terms[r.product].Price*schemas.Decimal4(1-at%2))
	case st.ChangePending: // the change was announced in the world's events
		if early {
			return nil
		}
		return p.build.renew(r)
	default:
		to := p.renderer.changesOf(r.product)
		return p.build.changeTerm(r, to[p.dice.IntN(len(to))], at < 90)
	}
}
