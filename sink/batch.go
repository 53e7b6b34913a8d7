package sink

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// InsertBatch sends one block of rows. fill appends them; its error is returned unchanged,
// as are those of the driver. Settings are in ctx (clickhouse.Context).
//
// A batch of the driver closes its connection when its context ends. It may still do so
// right after Send, when the next query has the connection. So the batch gets a context
// that does not end any more once Send has returned.
func InsertBatch(ctx context.Context, conn driver.Conn, query string, fill func(driver.Batch) error) error {
	sending, sent := untilSent(ctx)
	defer sent()
	batch, err := conn.PrepareBatch(sending, query)
	if err != nil {
		return err
	}
	defer func() { _ = batch.Close() }() // Send reports the error
	if err := fill(batch); err != nil {
		return err
	}
	return batch.Send()
}

// sendingContext ends when the caller's context does, until its AfterFunc is stopped.
type sendingContext struct {
	context.Context
	caller context.Context
}

func (c sendingContext) Deadline() (time.Time, bool) { return c.caller.Deadline() }

// Err is the caller's: it says whether the time was over.
func (c sendingContext) Err() error {
	if c.Context.Err() == nil {
		return nil
	}
	return c.caller.Err()
}

func untilSent(ctx context.Context) (sending context.Context, sent func()) {
	inner, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	return sendingContext{inner, ctx}, func() { stop() }
}
