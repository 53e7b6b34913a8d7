package reconcile

import (
	"context"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// write opens, updates and closes drift, unless a run of a later snapshot was
// complete first. Two that do so at once do no harm: the row of the later snapshot
// stays. All is one insert, and on one server it is there as a whole or not at all.
func (c *comparing) write(ctx context.Context, report *Report) error {
	newest, err := c.store.superseding(ctx, c.snapshot.Source)
	if err != nil {
		return err
	}
	if report.Superseded = newest.After(c.snapshot.AsOf); report.Superseded {
		return nil
	}
	parameters := clickhouse.Parameters{"run": c.run.String(), "as_of": strconv.FormatInt(c.snapshot.AsOf.UnixMilli(), 10),
		"whole": strconv.FormatBool(c.snapshot.Source == sourceAPI)}
	var before, after uint64
	if before, _, err = c.open(ctx); err != nil {
		return err
	}
	if err := c.store.write(ctx, "write drift", parameters, c.statements.drift); err != nil {
		return err
	}
	if after, report.Closed, err = c.open(ctx); err != nil {
		return err
	}
	// Another run may write at the same time: then it is about right.
	report.Open, report.Opened = after, max(after+report.Closed, before)-before
	return nil
}

// open counts what is open, and what this run has closed.
func (c *comparing) open(ctx context.Context) (open, closed uint64, err error) {
	query := "SELECT countIf(closed_at IS NULL), countIf(closed_at IS NOT NULL AND run_id = {run:UUID}) FROM " + c.store.tables.Table("drift") + " FINAL"
	err = c.store.each(ctx, "count drift", query, clickhouse.Parameters{"run": c.run.String()}, func(row driver.Rows) error {
		return row.Scan(&open, &closed)
	})
	return open, closed, err
}
