package figures

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/statement"
)

// Limits of one query. A page waits for its slowest query, and a person for the page.
const (
	MaxRows      = 5000
	queryTimeout = 20 * time.Second
	maxThreads   = 2
	maxRunning   = 4   // queries at a time
	maxKept      = 256 // answers in the cache
)

// Comment marks the queries of the console in system.query_log.
const Comment = "pianola console"

// ErrBusy reports that too many queries are waiting.
var ErrBusy = errors.New("too many queries are running; try again in a few seconds")

// PanicError reports a read that panicked. Its text has nothing of the value, which may be
// personal.
type PanicError struct{ Stack []byte }

func (*PanicError) Error() string { return "the console has a fault here; its log has the details" }

// Reader runs queries and keeps their answers for a short time. It is safe for
// concurrent use.
type Reader struct {
	conn    driver.Conn
	now     func() time.Time
	kept    *lru.Cache[string, *Table]
	changes atomic.Uint64 // part of each key
	flights singleflight.Group
	running *semaphore.Weighted
	queued  chan struct{} // one value for each query that runs or waits
}

// New reads over a connection whose default database has the tables.
func New(conn driver.Conn, now func() time.Time) (*Reader, error) {
	kept, err := lru.New[string, *Table](maxKept)
	if err != nil {
		return nil, err
	}
	return &Reader{
		conn: conn, now: now, kept: kept,
		running: semaphore.NewWeighted(maxRunning),
		queued:  make(chan struct{}, 16*maxRunning),
	}, nil
}

// Table is the answer of a query, not older than its Keep. Errors name no value.
func (r *Reader) Table(ctx context.Context, q Query) (*Table, error) {
	keep := q.Keep
	if keep == 0 {
		keep = DefaultKeep
	}
	return r.Cached(ctx, q.key(), keep, func(ctx context.Context) (*Table, error) { return r.run(ctx, q) })
}

// Cached is Table for any read: at most one at a time for a key. read must not depend on
// who asks.
func (r *Reader) Cached(ctx context.Context, key string, keep time.Duration, read func(context.Context) (*Table, error)) (*Table, error) {
	t, err := r.cached(ctx, r.Current(key), keep, read)
	note(ctx, t, keep)
	return t, err
}

// Renew makes every kept answer old, and those that are being read, because the tables have
// been changed on somebody's request. That person must see the change.
func (r *Reader) Renew() { r.changes.Add(1) }

// Current is a key that differs after each Renew.
func (r *Reader) Current(key string) string {
	return strconv.FormatUint(r.changes.Load(), 10) + "\x00" + key
}

func (r *Reader) cached(ctx context.Context, key string, keep time.Duration, read func(context.Context) (*Table, error)) (*Table, error) {
	if t, found := r.kept.Get(key); found && r.now().Sub(t.AsOf) < keep {
		return t, nil
	}
	answer := r.flights.DoChan(key, func() (any, error) {
		// Others may wait for the same answer when this caller goes away.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), queryTimeout)
		defer cancel()
		var t *Table
		err := r.limited(ctx, func(ctx context.Context) (err error) {
			t, err = read(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
		r.kept.Add(key, t)
		return t, nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case got := <-answer:
		if got.Err != nil {
			return nil, got.Err
		}
		return got.Val.(*Table), nil
	}
}

// Limited runs a read with the limits of queries and keeps nothing: for what is not the same
// for everybody, or must not be old. Queries of read must use its context.
func (r *Reader) Limited(ctx context.Context, read func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	return r.limited(ctx, read)
}

// limited waits until few enough queries run.
func (r *Reader) limited(ctx context.Context, read func(context.Context) error) (err error) {
	select {
	case r.queued <- struct{}{}:
		defer func() { <-r.queued }()
	default:
		return ErrBusy
	}
	if err := r.running.Acquire(ctx, 1); err != nil {
		return ErrBusy
	}
	defer r.running.Release(1)
	// It may run in a goroutine of its own: a panic there would end the process.
	defer func() {
		if failed := recover(); failed != nil {
			err = &PanicError{Stack: debug.Stack()}
		}
	}()
	return read(clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"max_execution_time": int(queryTimeout.Seconds()),
		"max_threads":        maxThreads,
		"log_comment":        Comment,
	})))
}

func (r *Reader) run(ctx context.Context, q Query) (*Table, error) {
	params := clickhouse.Parameters{}
	for name, value := range q.Params {
		params[name] = statement.Text(value)
	}
	ctx = clickhouse.Context(ctx,
		clickhouse.WithParameters(params),
		clickhouse.WithSettings(clickhouse.Settings{
			"max_execution_time":   int(queryTimeout.Seconds()),
			"max_threads":          maxThreads,
			"max_result_rows":      MaxRows + 1,
			"result_overflow_mode": "break",
			"log_comment":          Comment,
		}))
	t := &Table{AsOf: r.now()} // before the query: what it shows is not older
	rows, err := r.conn.Query(ctx, q.SQL)
	if err != nil {
		return nil, fmt.Errorf("read figures: %w", migrate.Explain(err))
	}
	defer func() { _ = rows.Close() }() // rows.Err reports the error
	types := rows.ColumnTypes()
	for _, one := range types {
		t.Columns = append(t.Columns, Column{Name: one.Name(), Type: one.DatabaseTypeName()})
	}
	for rows.Next() {
		if len(t.Rows) == MaxRows {
			t.Cut = true
			break
		}
		targets := make([]any, len(types))
		for i, one := range types {
			targets[i] = reflect.New(one.ScanType()).Interface()
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, fmt.Errorf("read figures: %w", err)
		}
		for i, target := range targets {
			targets[i] = plain(target)
		}
		t.Rows = append(t.Rows, targets)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read figures: %w", migrate.Explain(err))
	}
	return t, nil
}
