package actions

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/transform"
)

// progress is how far a change of term has come.
type progress struct {
	told   bool // the API knows of a change: status is its
	status piano.ChangeStatus
	made   bool               // the subscription shows it
	now    piano.Subscription // read where no change is told
}

// nothing says that there is no sign of the change.
func (p progress) nothing() bool { return !p.told && !p.made }

func (p progress) outcome() Outcome {
	switch {
	case p.made:
		return Done
	case p.told && p.status.Final():
		return Failed
	case p.told:
		return Pending
	default:
		return Unknown
	}
}

func (p progress) why() string {
	switch p.outcome() {
	case Done:
		return "the term has been changed"
	case Failed:
		return "Piano says that the change came to nothing: " + p.status.String()
	case Pending:
		return "Piano has accepted the change, and says " + p.status.String()
	default:
		return "Piano has accepted the change, no longer tells of it, and the subscription is as it was"
	}
}

// text is what was found, as actions_log has it.
func (p progress) text(err error) string {
	switch {
	case err != nil:
		return err.Error()
	case p.told:
		return p.status.String()
	default:
		return lookedText(p.now, nil)
	}
}

// status asks for the status of a change. Where the API tells of none, as after one
// that is done, that is no error; nor is an answer without one, whose form is not
// known for certain.
func (a *action) status(ctx context.Context, c Change) (progress, error) {
	status, err := a.API.ChangeStatus(ctx, c.UserID, c.SubscriptionID)
	switch {
	case err == nil:
		return progress{told: true, status: status}, nil
	case errors.Is(err, piano.ErrNotFound), errors.Is(err, piano.ErrNoStatus), refusal(err):
		return progress{}, nil
	default:
		return progress{}, err
	}
}

// progress asks for the status, and looks at the subscription where there is none
// that goes on: it is upgraded, or has the new term. A final status that was there
// before the request is an earlier change's, and tells nothing of this one.
func (a *action) progress(ctx context.Context, c Change, earlier progress) (progress, error) {
	p, err := a.status(ctx, c)
	if err != nil || p.told && !p.status.Final() {
		return p, err
	}
	if p.told && earlier.told && p.status == earlier.status {
		p = progress{}
	}
	p.now, err = a.API.Get(ctx, c.SubscriptionID)
	if p.made = err == nil && (p.now.Status == "upgraded" || p.now.Term.ID == a.to); p.made {
		p.told = false
	}
	return p, err
}

// follow looks at an accepted change until it will change no more, or c.Wait is
// over, which bounds the looks too. Each thing that is seen anew is a row; last is
// what has been seen already, nil for nothing.
func (a *action) follow(ctx context.Context, c Change, earlier progress, last *progress) (*Report, error) {
	ticker := time.NewTicker(a.Poll)
	defer ticker.Stop()
	bounded, cancel := context.WithTimeout(ctx, cmp.Or(c.Wait, looking))
	defer cancel()
	for {
		now, err := a.progress(bounded, c, earlier)
		switch {
		case err != nil && bounded.Err() != nil:
			return a.over(ctx, last, err)
		case err != nil:
			return a.end(ctx, Pending, "Piano has accepted the change, which could then not be followed: run it again, it begins by looking", err)
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
			return a.settled(ctx, now, nil)
		}
		select {
		case <-ticker.C:
		case <-bounded.Done():
			return a.over(ctx, last, nil)
		}
	}
}

// over is the end of following where the time for it is over, or ctx has ended.
// failed is why a look did not come to its end.
func (a *action) over(ctx context.Context, last *progress, failed error) (*Report, error) {
	if last != nil {
		return a.settled(ctx, *last, ctx.Err())
	}
	return a.end(ctx, Pending, "Piano has accepted the change, and did not tell in time how far it has come: "+transform.Guard(failed.Error()), ctx.Err())
}

// settled is the end of following what is not final.
func (a *action) settled(ctx context.Context, now progress, err error) (*Report, error) {
	if err == nil && now.outcome() == Unknown {
		err = errGone
	}
	return a.end(ctx, now.outcome(), now.why(), err)
}

var (
	errChange = errors.New("the change came to nothing")
	errGone   = errors.New("the change is neither made nor told of: look at the subscription in Piano")
)
