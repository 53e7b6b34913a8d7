package sink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"
)

// slowStrikes is how often in a row the time bound may be hit before the
// segment is halved: an insert that is too slow at this size stays so.
const slowStrikes = 3

// codeTimeoutExceeded is the server's own time bound, which counts as ours.
const codeTimeoutExceeded = 159

// deliverer makes one attempt after the other until ClickHouse has an answer
// that repeating cannot change, or the context ends.
type deliverer struct {
	timeout time.Duration // of one attempt
	retry   Retry
	log     *zap.Logger
	onRetry func(Class, int32)
}

// verdict is what became of a statement.
type verdict uint8

const (
	delivered verdict = iota
	tooLarge          // halve it
	rowRefused
)

// deliver calls attempt, each time with a context of its own and with its number,
// which begins at 1 (see attemptToken), and retries
// without end while ctx lives. Divisible says whether halving is possible;
// where it is not, what asks for halves is retried. The error is an *Error that
// is fatal, or wraps the end of ctx.
func (d *deliverer) deliver(ctx context.Context, op string, divisible bool, attempt func(context.Context, int) error) (v verdict, refusal *Error, attempts int, err error) {
	pause := backoff.ExponentialBackOff{
		InitialInterval: d.retry.Initial, MaxInterval: d.retry.Max,
		Multiplier: 2, RandomizationFactor: 0.5,
	}
	pause.Reset()
	slow := 0
	for {
		attempts++
		bounded, cancel := context.WithTimeout(ctx, d.timeout)
		err := attempt(bounded, attempts)
		late := bounded.Err() != nil
		cancel()
		if err == nil {
			return delivered, nil, attempts, nil
		}
		if ctx.Err() != nil {
			return 0, nil, attempts, ended(ctx, op, err)
		}
		var failure *Error
		if !errors.As(err, &failure) {
			failure = failed(op, "", err)
		}
		class := failure.Class
		if late && failure.Code == 0 || failure.Code == codeTimeoutExceeded {
			class = ClassRetry
			if slow++; slow >= slowStrikes && divisible {
				class = ClassSplit
			}
		} else {
			slow = 0
		}
		if class == ClassSplit && !divisible {
			class = ClassRetry // memory comes back; a single row cannot be made smaller
		}
		switch class {
		case ClassRetry:
			d.onRetry(class, failure.Code)
			wait := pause.NextBackOff()
			d.log.Warn(LogAttemptFailed,
				zap.String("op", op), zap.Int("attempt", attempts),
				zap.Duration("wait", wait), zap.Error(failure))
			if !sleep(ctx, wait) {
				return 0, nil, attempts, ended(ctx, op, failure)
			}
		case ClassSplit:
			d.onRetry(class, failure.Code)
			return tooLarge, failure, attempts, nil
		case ClassRow:
			return rowRefused, failure, attempts, nil
		default:
			return 0, nil, attempts, failure
		}
	}
}

// ended is the error of a statement whose context ended: its outcome is
// unknown. The last failure is shown and not wrapped, for it is not the reason.
func ended(ctx context.Context, op string, last error) error {
	end := ctx.Err()
	if cause := context.Cause(ctx); !errors.Is(cause, end) {
		end = fmt.Errorf("%w: %w", end, cause)
	}
	var failure *Error
	if errors.As(last, &failure) && failure.Code != 0 {
		return fmt.Errorf("%s: %w; last answer: code %d %s", op, end, failure.Code, failure.Name)
	}
	return fmt.Errorf("%s: %w", op, end)
}

// sleep waits, and says whether ctx lived through it.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
