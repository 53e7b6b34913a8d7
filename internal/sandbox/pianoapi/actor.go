package pianoapi

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

var _ Actor = (*Publisher)(nil)

// FailChanges makes the next n requested changes of term fail: Piano accepts them,
// but no event follows.
func (p *Publisher) FailChanges(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failChanges = n
}

// CompleteChanges completes all changes that wait for the end of a period.
func (p *Publisher) CompleteChanges(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.schedule.finish(ctx); err != nil {
		return err
	}
	for _, c := range p.changes {
		if !c.done && c.status == changePending {
			if err := p.schedule.do(ctx, p.build.completeChange(c), false); err != nil {
				return err
			}
		}
	}
	return nil
}

// recordFor returns the subscription of an action request, after all its delayed
// halves are done. An action that has started continues even if the client
// disconnects.
func (p *Publisher) recordFor(ctx context.Context, id string) (*record, error) {
	if p.cfg.Produce == nil {
		return nil, &wire.Error{Code: wire.CodeAccess, Message: "This publisher is read only"}
	}
	r := p.store.byID[id]
	if r == nil || r.hidden {
		return nil, &wire.Error{Code: wire.CodeNoSubscription, Message: "Subscription not found"}
	}
	if err := p.schedule.finish(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	if r.fixed != nil {
		return nil, &wire.Error{Code: wire.CodeInvalid, Message: "This subscription cannot be changed"}
	}
	return r, nil
}

func (p *Publisher) doNow(ctx context.Context, d *action) error {
	return p.schedule.do(context.WithoutCancel(ctx), d, false)
}

// Update implements Actor.
func (p *Publisher) Update(ctx context.Context, id string, autoRenew *bool, nextBill *time.Time) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.recordFor(ctx, id)
	if err != nil {
		return false, err
	}
	closed := r.state.Status.Closed()
	if nextBill != nil && (closed || !nextBill.After(p.now())) {
		return false, &wire.Error{Code: wire.CodeNextBill, Message: "Next bill date must be in the future"}
	}
	if autoRenew != nil {
		if closed || r.term != "payment" {
			return false, &wire.Error{Code: wire.CodeInvalid, Message: "Auto renew of this subscription cannot be changed"}
		}
		action, already := schemas.AutoRenewDisabled, world.AutoRenewOff
		if *autoRenew {
			action, already = schemas.AutoRenewEnabled, world.AutoRenewOn
		}
		if r.state.AutoRenew != already {
			if err := p.doNow(ctx, p.build.single(r, action)); err != nil {
				return false, err
			}
		}
	}
	if nextBill != nil { // a routine edit by support, which has no event; it moves the next renewal
		r.nextBill, r.moved = schemas.NullMillis{Millis: schemas.Millis(nextBill.UnixMilli()), Valid: true}, true
		p.moved = append(p.moved, r)
		p.refresh(r, p.factsOf(r))
	}
	return true, nil
}

// SetPaymentMethod implements Actor. It has no event.
func (p *Publisher) SetPaymentMethod(ctx context.Context, id, method string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.recordFor(ctx, id)
	if err != nil || r.state.Status.Closed() {
		return false, err
	}
	r.method = method
	return true, nil
}

// Cancel implements Actor. A refund is that of the price of a period.
func (p *Publisher) Cancel(ctx context.Context, id string, refund bool) (bool, error) {
	return p.cancel(ctx, id, func(r *record) schemas.Decimal4 {
		if !refund {
			return 0
		}
		return p.terms[r.product].Price
	})
}

// CancelAndRefund cancels a subscription and refunds an amount, which the event has.
func (p *Publisher) CancelAndRefund(ctx context.Context, id string, amount schemas.Decimal4) (bool, error) {
	return p.cancel(ctx, id, func(*record) schemas.Decimal4 { return amount })
}

func (p *Publisher) cancel(ctx context.Context, id string, refund func(*record) schemas.Decimal4) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.recordFor(ctx, id)
	if err != nil {
		return false, err
	}
	if r.state.Status.Closed() {
		return false, &wire.Error{Code: wire.CodeCancelFailed, Message: "The subscription cannot be cancelled"}
	}
	return true, p.doNow(ctx, p.build.cancelNow(r, refund(r)))
}

// CancelDeferred implements Actor. The stream has no action for it; its event is
// Auto-renew disabled.
func (p *Publisher) CancelDeferred(ctx context.Context, id string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.recordFor(ctx, id)
	switch {
	case err != nil:
		return false, err
	case r.term != "dynamic" || r.state.Status.Closed() || r.state.AutoRenew == world.AutoRenewOff:
		return false, &wire.Error{Code: wire.CodeCancelFailed, Message: "The subscription cannot be cancelled at the end of its period"}
	}
	return true, p.doNow(ctx, p.build.single(r, schemas.AutoRenewDisabled))
}

// Resume implements Actor. It returns false if there is nothing to resume.
func (p *Publisher) Resume(ctx context.Context, id string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.recordFor(ctx, id)
	if err != nil || !r.resumable() {
		return false, err
	}
	return true, p.doNow(ctx, p.build.resume(r))
}

// CanChange implements Actor.
func (p *Publisher) CanChange(id string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.recordFor(context.Background(), id)
	return err == nil && p.changeable(r), err
}

// changeable reports whether the term can be changed now.
func (p *Publisher) changeable(r *record) bool {
	c := p.changes[r.id]
	waiting := c != nil && !c.done && c.status == changePending
	return hasEvents(r.term) && !r.state.Status.Closed() && !waiting && !r.state.ChangePending
}

// Change implements Actor.
func (p *Publisher) Change(ctx context.Context, c Change) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.recordFor(ctx, c.SubscriptionID)
	if err != nil {
		return false, err
	}
	if r.user.uid != c.UserID {
		return false, &wire.Error{Code: wire.CodeNoSubscription, Message: "Subscription not found"}
	}
	to := slices.IndexFunc(p.renderer.changesOf(r.product), func(i int) bool { return strings.EqualFold(termID(r.term, i), c.ToTerm) })
	if to < 0 || !p.changeable(r) {
		return false, &wire.Error{Code: wire.CodeNoChange, Message: "Term change option not found"}
	}
	if p.failChanges > 0 {
		p.failChanges--
		p.changes[r.id] = &termChange{from: r, uid: c.UserID, status: changeFailed}
		return true, nil
	}
	return true, p.doNow(ctx, p.build.changeTerm(r, p.renderer.changesOf(r.product)[to], c.Timing == 0))
}

// CancelChange implements Actor. It has no event.
func (p *Publisher) CancelChange(ctx context.Context, id string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.recordFor(ctx, id)
	if err != nil {
		return false, err
	}
	c := p.changes[r.id]
	if c == nil || c.done || c.status != changePending {
		return false, &wire.Error{Code: wire.CodeNoChange, Message: "Term change not found"}
	}
	c.status = changeCanceled
	return true, nil
}

// ChangeStatus implements Actor. A completed change remains pending for a few
// requests, and then no longer exists.
func (p *Publisher) ChangeStatus(ctx context.Context, uid, id string) (*int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.recordFor(ctx, id)
	if err != nil {
		return nil, err
	}
	c := p.changes[r.id]
	if c == nil || c.uid != uid {
		return nil, nil
	}
	if c.done {
		if c.asked++; c.asked > pendingPolls {
			delete(p.changes, r.id)
			return nil, nil
		}
	}
	status := c.status
	return &status, nil
}
