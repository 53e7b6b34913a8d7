package pianoapi

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

var _ Actor = (*Publisher)(nil)

// FailChanges lets the next changes of term that are asked for come out as FAILED:
// they are accepted, and no event follows.
func (p *Publisher) FailChanges(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failChanges = n
}

// CompleteChanges lets all changes take effect that are waiting for the end of a
// period.
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

// acted finds the subscription that somebody wants to act on, with nothing about
// it half done. What came from a request is done whole, whether or not the client
// stays to hear of it.
func (p *Publisher) recordFor(ctx context.Context, id string) (*record, error) {
	if p.cfg.Produce == nil {
		return nil, &apiError{codeAccess, "This publisher is read only"}
	}
	r := p.store.byID[id]
	if r == nil || r.hidden {
		return nil, &apiError{codeNotFound, "Subscription not found"}
	}
	if err := p.schedule.finish(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	if r.fixed != nil {
		return nil, &apiError{codeInvalid, "This subscription cannot be changed"}
	}
	return r, nil
}

func (p *Publisher) doNow(ctx context.Context, d *action) error {
	return p.schedule.do(context.WithoutCancel(ctx), d, false)
}

// Update is Actor's.
func (p *Publisher) Update(ctx context.Context, id string, autoRenew *bool, nextBill *time.Time) (Subscription, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.recordFor(ctx, id)
	if err != nil {
		return Subscription{}, err
	}
	closed := r.state.Status.Closed()
	if nextBill != nil && (closed || !nextBill.After(p.now())) {
		return Subscription{}, &apiError{codeNextBill, "Next bill date must be in the future"}
	}
	if autoRenew != nil {
		if closed || r.term != "payment" {
			return Subscription{}, &apiError{codeInvalid, "Auto renew of this subscription cannot be changed"}
		}
		action, already := schemas.AutoRenewDisabled, world.AutoRenewOff
		if *autoRenew {
			action, already = schemas.AutoRenewEnabled, world.AutoRenewOn
		}
		if r.state.AutoRenew != already {
			if err := p.doNow(ctx, p.build.single(r, action)); err != nil {
				return Subscription{}, err
			}
		}
	}
	if nextBill != nil { // a routine edit of care's: no event tells of it
		r.nextBill, r.moved = schemas.NullMillis{Millis: schemas.Millis(nextBill.UnixMilli()), Valid: true}, true
		p.refresh(r, p.factsOf(r))
	}
	return p.renderer.detailed(r), nil
}

// Cancel is Actor's.
func (p *Publisher) Cancel(ctx context.Context, id string, refund bool) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.recordFor(ctx, id)
	if err != nil {
		return false, err
	}
	if r.state.Status.Closed() {
		return false, &apiError{codeCancelFailed, "The subscription cannot be cancelled"}
	}
	return true, p.doNow(ctx, p.build.cancelNow(r, refund))
}

// CancelDeferred is Actor's. The stream tells it as auto-renew that was turned off:
// it has no action of its own.
func (p *Publisher) CancelDeferred(ctx context.Context, id string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.recordFor(ctx, id)
	switch {
	case err != nil:
		return false, err
	case r.term != "dynamic" || r.state.Status.Closed() || r.state.AutoRenew == world.AutoRenewOff:
		return false, &apiError{codeCancelFailed, "The subscription cannot be cancelled at the end of its period"}
	}
	return true, p.doNow(ctx, p.build.single(r, schemas.AutoRenewDisabled))
}

// Resume is Actor's. False is that there is nothing to be resumed.
func (p *Publisher) Resume(ctx context.Context, id string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.recordFor(ctx, id)
	if err != nil || !r.resumable() {
		return false, err
	}
	return true, p.doNow(ctx, p.build.resume(r))
}

// CanChange is Actor's.
func (p *Publisher) CanChange(id string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.recordFor(context.Background(), id)
	return err == nil && p.changeable(r), err
}

// changeable says whether the term may be changed now.
func (p *Publisher) changeable(r *record) bool {
	c := p.changes[r.id]
	waiting := c != nil && !c.done && c.status == changePending
	return hasEvents(r.term) && !r.state.Status.Closed() && !waiting && !r.state.ChangePending
}

// Change is Actor's.
func (p *Publisher) Change(ctx context.Context, c Change) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.recordFor(ctx, c.SubscriptionID)
	if err != nil {
		return false, err
	}
	if r.user.uid != c.UserID {
		return false, &apiError{codeNotFound, "Subscription not found"}
	}
	to := slices.IndexFunc(p.renderer.changesOf(r.product), func(i int) bool { return strings.EqualFold(termID(r.term, i), c.ToTerm) })
	if to < 0 || !p.changeable(r) {
		return false, &apiError{codeNoChange, "Term change option not found"}
	}
	if p.failChanges > 0 {
		p.failChanges--
		p.changes[r.id] = &termChange{from: r, uid: c.UserID, status: changeFailed}
		return true, nil
	}
	return true, p.doNow(ctx, p.build.changeTerm(r, p.renderer.changesOf(r.product)[to], c.Timing == 0))
}

// CancelChange is Actor's. No event tells of it.
func (p *Publisher) CancelChange(ctx context.Context, id string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.recordFor(ctx, id)
	if err != nil {
		return false, err
	}
	c := p.changes[r.id]
	if c == nil || c.done || c.status != changePending {
		return false, &apiError{codeNoChange, "Term change not found"}
	}
	c.status = changeCanceled
	return true, nil
}

// ChangeStatus is Actor's. A change that has taken effect is told as pending for a
// while, and then no longer known.
func (p *Publisher) ChangeStatus(ctx context.Context, uid, id string) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.recordFor(ctx, id)
	if err != nil {
		return 0, err
	}
	c := p.changes[r.id]
	if c == nil || c.uid != uid {
		return 0, &apiError{codeNoChange, "Term change not found"}
	}
	if c.done {
		if c.asked++; c.asked > pendingPolls {
			delete(p.changes, r.id)
			return 0, &apiError{codeNoChange, "Term change not found"}
		}
	}
	return c.status, nil
}
