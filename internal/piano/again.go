package piano

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"
)

// LogRetrying is the log message of a request that is retried.
const LogRetrying = "request failed, retrying"

// call sends a request, opens the envelope of its answer, and retries as the request
// allows. The error is the *Error of the last attempt, which also says when ctx ended
// before another one.
func (c *Client) call(ctx context.Context, r request) (*envelope, error) {
	var answer *envelope
	log := c.log.With(zap.String("endpoint", r.endpoint.path))
	err := c.repeat(ctx, log, LogRetrying, c.cfg.Retry.Attempts, func() (wait time.Duration, again bool, err error) {
		token := c.tokens.get()
		answer, wait, err = c.once(ctx, r)
		// A change is not sent a second time: the read before it has found the new token.
		if errors.Is(err, ErrAccess) && c.tokens.renewed(token, log) && !r.endpoint.Changes() {
			answer, wait, err = c.once(ctx, r)
		}
		return wait, err != nil && repeatable(r, err), err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// repeat makes at most limit attempts with growing pauses. Each returns how long the server asked to wait, 0 for
// nothing, and whether another attempt may help. The error is that of the last attempt.
// message is logged before each retry.
func (c *Client) repeat(ctx context.Context, log *zap.Logger, message string, limit int, attempt func() (wait time.Duration, again bool, err error)) error {
	growing := backoff.NewExponentialBackOff()
	growing.InitialInterval, growing.MaxInterval = c.cfg.Retry.Initial, c.cfg.Retry.Max
	pause := &pauses{BackOff: growing}
	made := 0
	var again bool
	var last error
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		made++
		pause.requested, again, last = attempt()
		if last != nil && !again {
			return struct{}{}, backoff.Permanent(last)
		}
		return struct{}{}, last
	},
		backoff.WithBackOff(pause), backoff.WithMaxTries(uint(limit)), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(_ error, wait time.Duration) {
			log.Warn(message, zap.Int("attempt", made), zap.Duration("wait", wait), zap.Error(last))
		}))
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil && again {
		return endedIn(ended, last)
	}
	return last // without backoff's wrapping
}

// endedIn is the error of the last attempt when ctx left no time for another.
func endedIn(ended, last error) error {
	var answered *Error
	if errors.Is(last, ended) || !errors.As(last, &answered) {
		return last // it says so already
	}
	said := *answered
	said.cause = fmt.Errorf("%w; %w before a retry", answered.cause, noTime{ended})
	return &said
}

// noTime describes the end of a context.
type noTime struct{ ended error }

// Error says whether it timed out or was cancelled.
func (n noTime) Error() string {
	if errors.Is(n.ended, context.DeadlineExceeded) {
		return "timed out"
	}
	return "interrupted"
}

// Unwrap returns the context's error.
func (n noTime) Unwrap() error { return n.ended }

// pauses grow, except where the API asks for a certain pause; afterwards they continue to
// grow. (backoff.RetryAfterError would start again with the first one.)
type pauses struct {
	backoff.BackOff
	requested time.Duration // by the API; 0 for none
}

// NextBackOff returns the next pause.
func (p *pauses) NextBackOff() time.Duration {
	next := p.BackOff.NextBackOff()
	if p.requested > 0 {
		return p.requested
	}
	return next
}
