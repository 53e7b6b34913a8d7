package diff

import (
	"context"
	"fmt"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
)

// Deps are the dependencies of a Comparison; all are required except Progress.
type Deps struct {
	Conn     driver.Conn // needs no database of its own
	First    string      // the databases, valid names
	Second   string
	Months   []Month // only these; empty for all, with dead letters and filtered subscriptions
	Samples  int     // of each kind of difference
	Progress progress.Func
}

// Comparison is one comparison. Build it with New, and Run it once.
type Comparison struct {
	Deps
	databases [2]string
	report    *Report
}

// New prepares a comparison. It does no I/O.
func New(parts Deps) *Comparison {
	return &Comparison{Deps: parts, databases: [2]string{parts.First, parts.Second}, report: newReport(parts)}
}

// Run compares. Both databases must have the schema of this version.
func (c *Comparison) Run(ctx context.Context) (*Report, error) {
	months, err := c.months(ctx)
	if err != nil {
		return nil, err
	}
	done := c.Progress.Count("compare months", "months", uint64(len(months)))
	for _, month := range months {
		if err := c.compareMonth(ctx, month); err != nil {
			return nil, err
		}
		done.Add(1)
	}
	if err := c.explainSamples(ctx); err != nil {
		return nil, err
	}
	if len(c.Months) == 0 {
		c.Progress.Report(progress.Step{Name: "compare dead letters and filtered subscriptions"})
		if err := c.compareLetters(ctx); err != nil {
			return nil, err
		}
		if err := c.compareFiltered(ctx); err != nil {
			return nil, err
		}
	}
	c.report.conclude()
	return c.report, nil
}

// months are those that a database has, in order.
func (c *Comparison) months(ctx context.Context) ([]Month, error) {
	c.Progress.Report(progress.Step{Name: "list months"})
	var found [2][]Month
	err := c.both(ctx, func(ctx context.Context, side int) error {
		return c.rows(ctx, "list the months", side, `SELECT DISTINCT toYYYYMM(event_timestamp) FROM {table}`, "subscription_events", nil, func(rows driver.Rows) error {
			var month Month
			if err := rows.Scan((*uint32)(&month)); err != nil {
				return err
			}
			found[side] = append(found[side], month)
			return nil
		})
	})
	all := slices.Concat(found[0], found[1])
	slices.Sort(all)
	all = slices.Compact(all)
	if len(c.Months) > 0 {
		all = slices.DeleteFunc(all, func(m Month) bool { return !slices.Contains(c.Months, m) })
	}
	return all, err
}

// both calls do for the two databases at the same time.
func (c *Comparison) both(ctx context.Context, do func(ctx context.Context, side int) error) error {
	tasks, ctx := errgroup.WithContext(ctx)
	for side := range c.databases {
		tasks.Go(func() error { return do(ctx, side) })
	}
	return tasks.Wait()
}

// maxQueryBytes allows for the ids of a sample, which are in the statement.
const maxQueryBytes = 16 << 20

// settings are those of every statement. A month of events is deduplicated alone, since an
// event's month belongs to its key.
func settings() clickhouse.Settings {
	return clickhouse.Settings{"do_not_merge_across_partitions_select_final": 1, "optimize_read_in_order": 1, "max_query_size": maxQueryBytes}
}

// rows runs a query of one database and passes its rows to each. {table} in the query is
// the table. Errors begin with the operation and name the database.
func (c *Comparison) rows(ctx context.Context, op string, side int, query, table string, parameters clickhouse.Parameters, each func(driver.Rows) error) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(parameters), clickhouse.WithSettings(settings()))
	if err := statement.Each(ctx, c.Conn, c.of(side, query, table), each); err != nil {
		return fmt.Errorf("%s of %s: %w", op, c.databases[side], err)
	}
	return nil
}

// of is a query with the table of one database.
func (c *Comparison) of(side int, query, table string) string {
	return replaceTable(query, schemas.Options{Database: c.databases[side]}.Table(table))
}
