package reconcile

import (
	"context"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"github.com/pianola/pianola/internal/progress"
)

// comparing is one run while it compares: its parameters for the statements.
type comparing struct {
	store      *store
	statements *statements
	cfg        Config
	run        uuid.UUID
	snapshot   summary

	began      int64 // when the stream began, in milliseconds since 1970
	coversFrom int64 // starts of what a file covers
	coversTo   int64
	rowsAtOnce uint64
	ranges     []string // see cut
}

// rowsOfComparison is about how many events and rows of the snapshot together one
// statement compares: ClickHouse takes some 200 bytes for each.
const rowsOfComparison = 500_000

// The rounds of a run in reconciliation_comparisons.
const (
	roundSnapshot = 0
	roundAsked    = 1 // marks what the API is asked about again
	roundAnswers  = 2
	// 3 marks what effects.sql has found.
)

// parameters of a statement that compares with the rows of a snapshot.
func (c *comparing) parameters(round int, snapshot uuid.UUID) clickhouse.Parameters {
	millis := func(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }
	return clickhouse.Parameters{
		"run": c.run.String(), "round": strconv.Itoa(round), "snapshot": snapshot.String(),
		"as_of": millis(c.snapshot.AsOf), "cutoff": millis(c.snapshot.AsOf.Add(-c.cfg.Settle)),
		"began":       strconv.FormatInt(c.began, 10),
		"whole":       strconv.FormatBool(c.snapshot.Source == sourceAPI),
		"covers_from": strconv.FormatInt(c.coversFrom, 10), "covers_to": strconv.FormatInt(c.coversTo, 10),
		"tolerance": strconv.FormatInt(c.cfg.StartedAtTolerance.Milliseconds(), 10),
		"deferred":  strconv.FormatBool(c.cfg.DynamicCancel == DynamicCancelDeferred),
	}
}

// compare writes what comparing with the snapshot says of every subscription, a
// range at a time.
func (c *comparing) compare(ctx context.Context) error {
	c.store.progress.Report(progress.Step{Name: "prepare the comparison"})
	for _, ask := range []func(context.Context) error{c.askBegan, c.reach, c.cut, c.effects} {
		if err := ask(ctx); err != nil {
			return err
		}
	}
	err := c.eachRange("compare the snapshot with the events", c.parameters(roundSnapshot, c.snapshot.ID), func(parameters clickhouse.Parameters) error {
		return c.store.write(ctx, "compare", parameters, c.statements.compare)
	})
	if err != nil {
		return err
	}
	return c.whole(ctx)
}

// whole holds that the snapshot was there to the end: one that is not the newest by
// far may have been pruned meanwhile, and what is gone must not look missing.
func (c *comparing) whole(ctx context.Context) error {
	var n uint64
	err := c.store.readOne(ctx, "count the snapshot", "SELECT count() FROM "+c.store.tables.Table("subscription_snapshots")+" WHERE snapshot_id = {id:UUID}",
		clickhouse.Parameters{"id": c.snapshot.ID.String()}, &n)
	if err == nil && n < c.snapshot.Rows+c.snapshot.Filtered+c.snapshot.Tombstones {
		err = errPruned
	}
	return err
}

// errPruned says that the run took so long that its snapshot is no longer kept.
var errPruned = errors.New("the snapshot was dropped before it was compared, since newer ones came; run it again, or raise reconcile.keep")

// reach asks what a file covers: an export is made for a range of start dates.
func (c *comparing) reach(ctx context.Context) error {
	if c.snapshot.Source == sourceAPI {
		return nil
	}
	c.coversFrom, c.coversTo = math.MaxInt64, math.MinInt64
	return c.store.readOne(ctx, "ask what the file covers", `SELECT toUnixTimestamp64Milli(assumeNotNull(min(started_at))), toUnixTimestamp64Milli(assumeNotNull(max(started_at)))
FROM `+c.store.tables.Table("subscription_snapshots")+` WHERE snapshot_id = {id:UUID} AND NOT filtered HAVING countIf(started_at IS NOT NULL) > 0`,
		clickhouse.Parameters{"id": c.snapshot.ID.String()}, &c.coversFrom, &c.coversTo)
}
