// Package statement runs single ClickHouse statements: it reads a result row by
// row and retries what fails for a while. Inserts of events are the sink's.
package statement

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/sink"
)

// Retry is RetryValue of an attempt that gives no value.
func Retry(ctx context.Context, log *zap.Logger, op string, limit time.Duration, attempt func(context.Context) error) error {
	_, err := RetryValue(ctx, log, op, limit, func(ctx context.Context) (struct{}, error) { return struct{}{}, attempt(ctx) })
	return err
}

// RetryValue calls attempt until it succeeds, its error is not transient, limit has
// passed, or ctx ends. A limit of 0 never passes. The statement must be idempotent. Errors
// of attempt must be safe to log (migrate.Explain); op names the statement in the log and
// the error.
func RetryValue[T any](ctx context.Context, log *zap.Logger, op string, limit time.Duration, attempt func(context.Context) (T, error)) (T, error) {
	value, err := backoff.Retry(ctx, func() (T, error) {
		value, err := attempt(ctx)
		if err != nil && !Transient(err) {
			err = backoff.Permanent(err)
		}
		return value, err
	}, backoff.WithMaxElapsedTime(limit), backoff.WithNotify(func(err error, wait time.Duration) {
		log.Warn(sink.LogAttemptFailed, zap.String("op", op), zap.Duration("wait", wait), zap.Error(err))
	}))
	if err != nil {
		return value, fmt.Errorf("%s: %w", op, err)
	}
	return value, nil
}

// Transient reports whether a repetition can succeed after this explained error.
// It cannot after a cancelled context, a schema of another version, a proxy that does
// not pass the request on, a gate that refuses, or a code that sink.ClassOf does not retry.
func Transient(err error) bool {
	for _, permanent := range []error{context.Canceled, migrate.ErrSchemaOlder, migrate.ErrSchemaNewer, migrate.ErrProxy, sink.ErrOutdated, sink.ErrBlocked} {
		if errors.Is(err, permanent) {
			return false
		}
	}
	var refused *migrate.ServerError
	return !errors.As(err, &refused) || sink.ClassOf(refused.Code) == sink.ClassRetry
}
