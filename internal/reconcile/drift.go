package reconcile

import (
	"context"
	"errors"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// write opens, updates and closes drift, unless a run of a later snapshot was
// complete first. Where two write at once the row of the later snapshot stays; but of
// what agrees in its eyes that one writes none. So whether there is a later one is
// asked before every range, and what a run that is overtaken in the middle of one
// still opens there is closed by the next.
//
// It is done a range at a time, and each insert depends on its own range alone. So one
// that is repeated changes nothing more, and a process that is killed between two
// leaves the earlier ranges as this run found them and the later ones as the run before
// did: each row is right for the moment that it names, no run says that it is complete,
// and the next one goes through all of them. One insert for all would spare a reader
// that mixture, for as much memory in ClickHouse as there is drift.
//
// Once it has begun it goes on to its end, also when ctx ends, with patience for each
// range: what was written counts.
func (c *comparing) write(ctx context.Context, report *Report) error {
	parameters := clickhouse.Parameters{"run": c.run.String(), "as_of": strconv.FormatInt(c.snapshot.AsOf.UnixMilli(), 10),
		"whole": strconv.FormatBool(c.snapshot.Source == sourceAPI)}
	before, _, err := c.open(ctx)
	if err != nil {
		return err
	}
	err = c.eachRange("write drift", parameters, func(parameters clickhouse.Parameters) error {
		one, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		newest, err := c.store.superseding(one, c.snapshot.Source)
		switch {
		case err != nil:
			return err
		case newest.After(c.snapshot.AsOf):
			return errOvertaken
		}
		return c.store.write(one, "write drift", parameters, c.statements.drift)
	})
	if report.Superseded = errors.Is(err, errOvertaken); report.Superseded {
		return nil
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	after, closed, err := c.open(ctx)
	if err != nil {
		return err
	}
	// Another run may write at the same time: then it is about right.
	report.Open, report.Closed, report.Opened = after, closed, max(after+closed, before)-before
	return nil
}

// errOvertaken says that a run of a later snapshot is complete.
var errOvertaken = errors.New("a run of a later snapshot was complete first")

// open counts what is open, and what this run has closed.
func (c *comparing) open(ctx context.Context) (open, closed uint64, err error) {
	query := "SELECT countIf(closed_at IS NULL), countIf(closed_at IS NOT NULL AND run_id = {run:UUID}) FROM " + c.store.tables.Table("drift") + " FINAL"
	err = c.store.readOne(ctx, "count drift", query, clickhouse.Parameters{"run": c.run.String()}, &open, &closed)
	return open, closed, err
}
