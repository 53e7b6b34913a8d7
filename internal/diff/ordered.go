package diff

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/migrate"
)

// ordered is the result of a query in the order of its keys, with a view of the next row.
type ordered[T any] struct {
	rows  driver.Rows
	scan  func(driver.Rows) (T, error)
	head  T
	ended bool
	fault func(error) error
}

// orderedThreads bounds the memory of an ordered query in the server, also on many cores:
// some 40 MiB a thread.
const orderedThreads = 4

// open runs a query of one database. The caller closes the result.
func open[T any](ctx context.Context, c *Comparison, op string, side int, query, table string, parameters clickhouse.Parameters, scan func(driver.Rows) (T, error)) (*ordered[T], error) {
	fault := func(err error) error { return fmt.Errorf("%s of %s: %w", op, c.databases[side], migrate.Explain(err)) }
	s := settings()
	// Each thread holds a range of the month, and buffers read ahead.
	s["max_threads"], s["read_in_order_use_buffering"] = orderedThreads, 0
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(parameters), clickhouse.WithSettings(s))
	rows, err := c.Conn.Query(ctx, c.of(side, query, table))
	if err != nil {
		return nil, fault(err)
	}
	o := &ordered[T]{rows: rows, scan: scan, fault: fault}
	if err := o.advance(); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

// advance reads the next row into head, or sets ended.
func (o *ordered[T]) advance() error {
	if !o.rows.Next() {
		o.ended = true
		if err := o.rows.Err(); err != nil {
			return o.fault(err)
		}
		return nil
	}
	var err error
	if o.head, err = o.scan(o.rows); err != nil {
		return o.fault(err)
	}
	return nil
}

func (o *ordered[T]) close() { _ = o.rows.Close() } // advance has reported the error

// merge passes the rows of both results to each, in order: those with the same key
// together. compare is the order of the queries.
func merge[T any](results [2]*ordered[T], compare func(a, b T) int, each func(group [2][]T) error) error {
	for !results[0].ended || !results[1].ended {
		key := results[0].head
		if results[0].ended || !results[1].ended && compare(results[1].head, key) < 0 {
			key = results[1].head
		}
		var group [2][]T
		for side, r := range results {
			for !r.ended && compare(r.head, key) == 0 {
				group[side] = append(group[side], r.head)
				if err := r.advance(); err != nil {
					return err
				}
			}
		}
		if err := each(group); err != nil {
			return err
		}
	}
	return nil
}

// mergeBoth opens one query on both databases and merges the results.
func mergeBoth[T any](ctx context.Context, c *Comparison, op, query, table string, parameters clickhouse.Parameters, scan func(driver.Rows) (T, error), compare func(a, b T) int, each func(group [2][]T) error) error {
	ctx, cancel := context.WithCancel(ctx) // an error ends the other query
	defer cancel()
	var results [2]*ordered[T]
	defer func() {
		cancel()
		for _, r := range results {
			if r != nil {
				r.close()
			}
		}
	}()
	for side := range results {
		var err error
		if results[side], err = open(ctx, c, op, side, query, table, parameters, scan); err != nil {
			return err
		}
	}
	return merge(results, compare, each)
}
