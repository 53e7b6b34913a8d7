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
	var answer *envelope
	log := c.log.With(zap.String("endpoint", r.endpoint))
	err := c.repeat(ctx, log, "request failed and is tried again", c.cfg.Retry.Attempts, r.maxAge, func() (wait time.Duration, again bool, err error) {
		answer, wait, err = c.once(ctx, r)
		return wait, err != nil && repeatable(r, err), err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// repeat makes attempts, most of them at the most, with growing pauses between them
// and none that would begin later than within after the first (0: whenever). Each
// tells how long it was asked to wait, 0 for nothing, and whether another one may help.
// The error is the last attempt's.
func (c *Client) repeat(ctx context.Context, log *zap.Logger, told string, most int, within time.Duration, attempt func() (wait time.Duration, again bool, err error)) error {
	growing := backoff.NewExponentialBackOff()
	growing.InitialInterval, growing.MaxInterval = c.cfg.Retry.Initial, c.cfg.Retry.Max
	pause := &pauses{BackOff: growing}
	made := 0
	var again bool
	var last error
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		made++
		pause.told, again, last = attempt()
		if last != nil && !again {
			return struct{}{}, backoff.Permanent(last)
		}
		return struct{}{}, last
	},
		backoff.WithBackOff(pause), backoff.WithMaxTries(uint(most)), backoff.WithMaxElapsedTime(within),
		backoff.WithNotify(func(_ error, wait time.Duration) {
			log.Warn(told, zap.Int("attempt", made), zap.Duration("wait", wait), zap.Error(last))
		}))
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil && again {
		return endedIn(ended, last)
	}
	return last // without backoff's wrapping
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
