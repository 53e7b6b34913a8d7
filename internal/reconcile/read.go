package reconcile

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/cenkalti/backoff/v5"

	"github.com/pianola/pianola/internal/statement"
)

// read runs a query and gives its rows; scan takes one of them in, and nothing else
// may depend on it. A read that is cut short is repeated like a write, from its
// beginning, and only a whole answer comes out: no row counts twice. So an answer is
// held in memory. Every query here has few rows, however many subscriptions there are:
// what is about each of them stays in ClickHouse.
func read[T any](ctx context.Context, s *store, what, query string, parameters clickhouse.Parameters, scan func(driver.Rows, *T) error) ([]T, error) {
	var whole []T
	err := s.persist(ctx, what, func(ctx context.Context) error {
		ctx = clickhouse.Context(ctx, clickhouse.WithParameters(parameters))
		var all []T
		err := statement.Each(ctx, s.conn, query, func(row driver.Rows) error {
			var one T
			if err := scan(row, &one); err != nil {
				return backoff.Permanent(err) // the columns are others than were asked for
			}
			all = append(all, one)
			return nil
		})
		whole = all
		return err
	})
	if err != nil {
		return nil, err
	}
	return whole, nil
}

// readOne is read for a query of one row, whose columns go into these. Where it has
// none they stay as they are.
func (s *store) readOne(ctx context.Context, what, query string, parameters clickhouse.Parameters, into ...any) error {
	_, err := read(ctx, s, what, query, parameters, func(row driver.Rows, _ *struct{}) error { return row.Scan(into...) })
	return err
}
