package actions

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/wait"
	"github.com/pianola/pianola/transform"
)

// changeProgress is how far a change of term is.
type changeProgress struct {
	known  bool // The API reports a change, with this status.
	status piano.ChangeStatus
	made   bool               // The subscription shows the change.
	now    piano.Subscription // Read where the API reports no change.
}

// noSign reports that neither status nor subscription shows the change.
func (p changeProgress) noSign() bool { return !p.known && !p.made }

func (p changeProgress) outcome() Outcome {
	switch {
	case p.made:
		return Done
	case p.known && p.status.Final():
		return Failed
	case p.known:
		return Pending
	default:
		return Unknown
	}
}

func (p changeProgress) why() string {
	switch p.outcome() {
	case Done:
		return "the term has been changed"
	case Failed:
		return "Piano says that the change failed: " + p.status.String()
	case Pending:
		return "Piano has accepted the change, and says " + p.status.String()
	default:
		return "Piano has accepted the change, reports no status of it, and the subscription is unchanged"
	}
}

// text is what was read, in the form of actions_log.
func (p changeProgress) text(err error) string {
	switch {
	case err != nil:
		return err.Error()
	case p.known:
		return p.status.String()
	default:
		return lookedText(p.now, nil)
	}
}

// status reads the status of a change. No status is not an error: the API has no status after
// a completed change, and its form for that case is not known for certain.
func (a *action) status(ctx context.Context, c piano.TermChange) (changeProgress, error) {
	status, err := a.API.ChangeStatus(ctx, c.UserID, c.SubscriptionID)
	switch {
	case err == nil:
		return changeProgress{known: true, status: status}, nil
	case errors.Is(err, piano.ErrNotFound), errors.Is(err, piano.ErrNoStatus), refusal(err):
		return changeProgress{}, nil
	default:
		return changeProgress{}, err
	}
}

// readProgress reads the status. Where it is final or absent it reads the subscription,
// which is upgraded or has the new term after a change. A final status from before the
// request belongs to an earlier change, and is ignored.
func (a *action) readProgress(ctx context.Context, c Change, earlier changeProgress) (changeProgress, error) {
	p, err := a.status(ctx, c.TermChange)
	if err != nil || p.known && !p.status.Final() {
		return p, err
	}
	if p.known && earlier.known && p.status == earlier.status {
		p = changeProgress{}
	}
	p.now, err = a.API.Get(ctx, c.SubscriptionID)
	if p.made = err == nil && (p.now.Status == "upgraded" || p.now.Term.ID == a.to); p.made {
		p.known = false
	}
	return p, err
}

// follow reads an accepted change until it is final or c.Wait has passed, which limits
// the reads too. Each new state is a row; last is the last state, nil for none.
func (a *action) follow(ctx context.Context, c Change, earlier changeProgress, last *changeProgress) (*Report, error) {
	a.progress(ProgressFollow)
	ticker := time.NewTicker(a.Poll)
	defer ticker.Stop()
	bounded, cancel := context.WithTimeout(ctx, cmp.Or(c.Wait, lookTimeout))
	defer cancel()
	for {
		now, err := a.readProgress(bounded, c, earlier)
		switch {
		case err != nil && wait.Expired(bounded):
			return a.timedOut(ctx, last, err)
		case err != nil:
			return a.end(ctx, Pending, "Piano has accepted the change, but it could not be followed: run it again, it checks first", err)
		}
		if last == nil || now.text(nil) != last.text(nil) {
			if err := a.step(ctx, stepLooked, statusEndpoint, now.outcome(), 0, now.text(nil)); err != nil {
				return a.end(ctx, now.outcome(), now.why(), err)
			}
		}
		last = &now
		switch now.outcome() {
		case Done:
			return a.end(ctx, Done, now.why(), nil)
		case Failed:
			return a.end(ctx, Failed, now.why(), errChange)
		}
		if c.Wait <= 0 {
			return a.endPending(ctx, now, nil)
		}
		select {
		case <-ticker.C:
		case <-bounded.Done():
			return a.timedOut(ctx, last, nil)
		}
	}
}

// timedOut ends following after its time, or when ctx has ended. failed is the error of
// an interrupted read.
func (a *action) timedOut(ctx context.Context, last *changeProgress, failed error) (*Report, error) {
	if last != nil {
		return a.endPending(ctx, *last, ctx.Err())
	}
	return a.end(ctx, Pending, "Piano has accepted the change, but its status could not be read in time: "+transform.Guard(failed.Error()), ctx.Err())
}

// endPending ends following a change that is not final.
func (a *action) endPending(ctx context.Context, now changeProgress, err error) (*Report, error) {
	if err == nil && now.outcome() == Unknown {
		err = errGone
	}
	return a.end(ctx, now.outcome(), now.why(), err)
}

var (
	errChange = errors.New("the change failed")
	errGone   = errors.New("change not applied and Piano reports no status; check the subscription in Piano")
)
