package figures

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
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
	if t, found := r.kept.Get(key); found && r.now().Sub(t.AsOf) < keep {
		return t, nil
	}
	answer := r.flights.DoChan(key, func() (any, error) {
		// Others may wait for the same answer when this caller goes away.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), queryTimeout)
		defer cancel()
		t, err := r.limited(ctx, read)
		if err == nil {
			r.kept.Add(key, t)
		}
		return t, err
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

// limited waits until few enough queries run.
func (r *Reader) limited(ctx context.Context, read func(context.Context) (*Table, error)) (t *Table, err error) {
	select {
	case r.queued <- struct{}{}:
		defer func() { <-r.queued }()
	default:
		return nil, ErrBusy
	}
	if err := r.running.Acquire(ctx, 1); err != nil {
		return nil, ErrBusy
	}
	defer r.running.Release(1)
	// It runs in a goroutine of its own: a panic there would end the process.
	defer func() {
		if failed := recover(); failed != nil {
			t, err = nil, &PanicError{Stack: debug.Stack()}
		}
	}()
	return read(ctx)
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
			"log_comment":          "pianola console",
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
