package sink

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"
)

// Log messages that tests and trials match.
const (
	LogAttemptFailed = "clickhouse attempt failed, retrying" // of any statement that is retried
	LogInsertHalved  = "insert halved"
)

// maxSlowAttempts is how many attempts in a row may hit the time bound before
// the segment is halved. An insert that is too slow at this size stays too slow.
const maxSlowAttempts = 3

// codeTimeoutExceeded is the server's own time bound. It counts as ours.
const codeTimeoutExceeded = 159

// deliverer repeats a statement until ClickHouse gives an answer that a
// repetition cannot change, or the context ends.
type deliverer struct {
	timeout time.Duration // of one attempt
	retry   Retry
	log     *zap.Logger
	onRetry func(Class, int32)
	gate    func(context.Context) error // see Hooks.Gate; may be nil
}

// delivery is the outcome of a statement.
type delivery struct {
	refused  *Error // of class split or row; nil when ClickHouse has acknowledged the statement
	attempts int
}

// deliver calls attempt until it succeeds or must not be repeated. Each call
// has its own context and its number, which starts at 1 (see attemptToken). It
// retries for as long as ctx lives. divisible reports that the rows can be
// halved; otherwise a split is a retry. The error is a fatal *Error, or wraps the
// error of ctx or that of the gate.
func (d *deliverer) deliver(ctx context.Context, op string, divisible bool, attempt func(context.Context, int) error) (delivery, error) {
	pause := backoff.ExponentialBackOff{
		InitialInterval: d.retry.Initial, MaxInterval: d.retry.Max,
		Multiplier: 2, RandomizationFactor: 0.5,
	}
	pause.Reset()
	slow := 0 // attempts in a row that hit the time bound
	for n := 1; ; n++ {
		failure, late, err := d.try(ctx, op, n, attempt)
		if failure == nil {
			return delivery{attempts: n}, err
		}
		if slow++; !late {
			slow = 0
		}
		if failure.Status == http.StatusRequestEntityTooLarge && !divisible {
			return delivery{attempts: n}, failure.fatal() // the same request stays too large
		}
		failure.Class = effectiveClass(failure.Class, slow, divisible)
		switch failure.Class {
		case ClassRow:
			return delivery{failure, n}, nil
		case ClassSplit:
			d.onRetry(ClassSplit, failure.Code)
			return delivery{failure, n}, nil
		case ClassFatal:
			return delivery{attempts: n}, failure
		}
		d.onRetry(ClassRetry, failure.Code)
		wait := pause.NextBackOff()
		d.log.Warn(LogAttemptFailed, zap.String("op", op), zap.Int("attempt", n),
			zap.Duration("wait", wait), zap.Error(failure))
		if !sleep(ctx, wait) {
			return delivery{attempts: n}, endedError(ctx, op, failure)
		}
	}
}

// try makes one attempt. failure is nil after success and after the end of
// ctx, which err reports. late reports that the attempt hit the time bound.
func (d *deliverer) try(ctx context.Context, op string, n int, attempt func(context.Context, int) error) (failure *Error, late bool, err error) {
	bounded, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	var began time.Time
	if err = d.pass(bounded); err == nil {
		began = time.Now()
		err = attempt(bounded, n)
	}
	passed := !began.IsZero()
	switch {
	case err == nil:
		return nil, false, nil
	case errors.Is(err, ErrOutdated) || errors.Is(err, ErrBlocked):
		return nil, false, fmt.Errorf("%s: %w", op, err)
	case ctx.Err() != nil:
		return nil, false, endedError(ctx, op, err)
	}
	var known *Error
	switch {
	case !passed:
		known = newError("check before "+op, "", err)
	case !errors.As(err, &known):
		known = newError(op, "", err)
	}
	one := *known // its class may change, and attempt may return the same error again
	if !passed && one.Class != ClassFatal {
		one.Class = ClassRetry // nothing was sent, so the failure says nothing about the rows and their number
		return &one, false, nil
	}
	// The look before the attempt may have taken the time.
	late = expired(bounded) && one.Code == 0 && time.Since(began) > d.timeout/2 || one.Code == codeTimeoutExceeded
	return &one, late, nil
}

// expired reports whether ctx has ended, or its deadline has passed: the connection has the
// same deadline, and may fail by it before the context's own timer fires.
func expired(ctx context.Context) bool {
	deadline, bounded := ctx.Deadline()
	return ctx.Err() != nil || bounded && !time.Now().Before(deadline)
}

// pass asks the gate.
func (d *deliverer) pass(ctx context.Context) error {
	if d.gate == nil {
		return nil
	}
	return d.gate(ctx)
}

// effectiveClass is the class of a failure after slow late attempts in a row.
// An attempt that was late is repeated as it is, until it has been late too
// often. What cannot be halved is repeated, because memory becomes free again.
func effectiveClass(class Class, slow int, divisible bool) Class {
	if slow > 0 {
		class = ClassRetry
	}
	if slow >= maxSlowAttempts {
		class = ClassSplit
	}
	if class == ClassSplit && !divisible {
		class = ClassRetry
	}
	return class
}

// endedError is the error of a statement whose context ended. Its outcome is
// unknown. The last failure is shown but not wrapped, because it is not the cause.
func endedError(ctx context.Context, op string, last error) error {
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

// sleep waits for d. It returns false when ctx ends first.
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
