package piano

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"
)

// call sends a request, opens the envelope of its answer, and does so again for as
// many attempts as the request allows. The error is an *Error: that of the last
// attempt, which also says so where ctx ended before there could be another.
func (c *Client) call(ctx context.Context, r request) (*envelope, error) {
	growing := backoff.NewExponentialBackOff()
	growing.InitialInterval, growing.MaxInterval = c.cfg.Retry.Initial, c.cfg.Retry.Max
	pause := &pauses{BackOff: growing}
	attempt := 0
	var last error
	answer, err := backoff.Retry(ctx, func() (*envelope, error) {
		attempt++
		var answer *envelope
		answer, pause.told, last = c.once(ctx, r)
		if last != nil && !repeatable(r, last) {
			return nil, backoff.Permanent(last)
		}
		return answer, last
	},
		backoff.WithBackOff(pause), backoff.WithMaxTries(uint(c.cfg.Retry.Attempts)), backoff.WithMaxElapsedTime(r.fresh),
		backoff.WithNotify(func(_ error, wait time.Duration) {
			c.log.Warn("request failed and is tried again", zap.String("endpoint", r.endpoint),
				zap.Int("attempt", attempt), zap.Duration("wait", wait), zap.Error(last))
		}))
	if err == nil {
		return answer, nil
	}
	if ended := ctx.Err(); ended != nil && repeatable(r, last) {
		return nil, endedIn(ended, last)
	}
	return nil, last // without backoff's wrapping
}

// endedIn is the error of a last attempt after which ctx left no time for another.
func endedIn(ended, last error) error {
	var answered *Error
	if errors.Is(last, ended) || !errors.As(last, &answered) {
		return last // it says so already
	}
	said := *answered
	said.cause = fmt.Errorf("%w; %w before it could be tried again", answered.cause, noTime{ended})
	return &said
}

// noTime is the end of a context in words.
type noTime struct{ ended error }

// Error says which end it was.
func (n noTime) Error() string {
	if errors.Is(n.ended, context.DeadlineExceeded) {
		return "its time was over"
	}
	return "it was interrupted"
}

// Unwrap gives the context's own error.
func (n noTime) Unwrap() error { return n.ended }

// pauses grow, but for those that the API asks for, which it is given; they grow
// on behind these. (backoff.RetryAfterError would begin with the first one again.)
type pauses struct {
	backoff.BackOff
	told time.Duration // 0: the API has not asked for any
}

// NextBackOff is the next pause.
func (p *pauses) NextBackOff() time.Duration {
	next := p.BackOff.NextBackOff()
	if p.told > 0 {
		return p.told
	}
	return next
}
