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

// The rounds of a run in reconciliation_comparisons.
const (
	roundSnapshot = 0
	roundAsked    = 1 // marks what the API is asked about again
	roundAnswers  = 2
	// 3 marks the rows of effects.sql.
)

// compare compares the snapshot with the state of every subscription, one range at a
// time. The results are rows of round 0.
func (r *run) compare(ctx context.Context) error {
	// The record shows that the run is alive; see dropLeftovers.
	if err := r.store.recordRun(ctx, r.record); err != nil {
		return err
	}
	r.store.progress.Report(progress.Step{Name: "prepare the comparison"})
	for _, prepare := range []func(context.Context) error{r.readStreamStart, r.cut, r.findTargets, r.markEffects} {
		if err := prepare(ctx); err != nil {
			return err
		}
	}
	err := r.eachRange("compare the snapshot with the events", r.parameters(roundSnapshot, r.snapshot.ID), func(parameters clickhouse.Parameters) error {
		return r.store.write(ctx, "compare", parameters, r.statements.compare)
	})
	if err != nil {
		return err
	}
	return r.checkSnapshotKept(ctx)
}

// parameters are those of a statement that compares with the rows of a snapshot.
func (r *run) parameters(round int, snapshot uuid.UUID) clickhouse.Parameters {
	millis := func(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }
	coversFrom, coversTo := r.snapshot.coverage()
	return clickhouse.Parameters{
		"run": r.record.id.String(), "round": strconv.Itoa(round), "snapshot": snapshot.String(),
		"as_of": millis(r.snapshot.AsOf), "cutoff": millis(r.snapshot.AsOf.Add(-r.cfg.Settle)),
		"stream_start": strconv.FormatInt(r.streamStart, 10),
		"complete":     strconv.FormatBool(r.snapshot.Source == sourceAPI),
		"covers_from":  strconv.FormatInt(coversFrom, 10), "covers_to": strconv.FormatInt(coversTo, 10),
		"tolerance": strconv.FormatInt(r.cfg.StartedAtTolerance.Milliseconds(), 10),
		"deferred":  strconv.FormatBool(r.cfg.DynamicCancel == DynamicCancelDeferred),
	}
}

// readStreamStart finds when the stream starts: with its first messages, at any place
// in the log. A producer may fill a topic from its history one subscription at a time.
//
// The producer sets the record's timestamp, and one of 1970 must not move the start
// before every subscription. So a message is never older than its event. Of these times
// the third counts (with fewer than five messages the middle one). The ledger does not
// help: it has the time of the last message of each flush, which in a backlog can be
// months after the first.
//
// Rows of files have no message time, and count only where no other rows exist. Without
// any event nothing is before the stream: a lost stream must not look like agreement.
func (r *run) readStreamStart(ctx context.Context) error {
	events := r.store.tables.Table("subscription_events")
	// A row may exist more than once until ClickHouse has merged, but not hundreds of
	// times: therefore DISTINCT ids of 1000 rows.
	err := r.store.readOne(ctx, "read when the stream starts", `SELECT if(notEmpty(first), first[least(3, intDiv(length(first) + 1, 2))], files.start)
FROM
(
	SELECT arraySort(groupArray(sent)) AS first FROM
	(
		SELECT DISTINCT sent, event_id FROM
		(
			SELECT greatest(`+messageTime+`, toUnixTimestamp64Milli(event_timestamp)) AS sent, event_id
			FROM `+events+` WHERE source != 'file' ORDER BY sent LIMIT 1000
		)
	)
) AS messages
CROSS JOIN (SELECT toUnixTimestamp64Milli(min(event_timestamp)) AS start FROM `+events+`) AS files`, nil, &r.streamStart)
	if err == nil && r.streamStart != 0 {
		at := time.UnixMilli(r.streamStart).UTC()
		r.report.StreamBegan = &at
	}
	return err
}

// coverage returns which start dates a file covers for certain, in milliseconds since
// 1970; none where the days are unknown. Smallest and largest start date in the file do not
// show it: one subscription can be older than all others. Piano's days are those of the
// application's time zone, so the first and the last day do not count.
func (s summary) coverage() (from, to int64) {
	if s.FirstDay.IsZero() || s.LastDay.IsZero() {
		return math.MaxInt64, math.MinInt64
	}
	return s.FirstDay.Add(24 * time.Hour).UnixMilli(), s.LastDay.UnixMilli()
}

// checkSnapshotKept fails where rows of the snapshot have been dropped meanwhile: they
// must not look missing. It happens to a snapshot that is much older than the newest.
func (r *run) checkSnapshotKept(ctx context.Context) error {
	var n uint64
	err := r.store.readOne(ctx, "count the snapshot", "SELECT count() FROM "+r.store.tables.Table("subscription_snapshots")+" WHERE snapshot_id = {id:UUID}",
		clickhouse.Parameters{"id": r.snapshot.ID.String()}, &n)
	if err == nil && n < r.snapshot.Rows+r.snapshot.Filtered+r.snapshot.Tombstones {
		err = errSnapshotDropped
	}
	return err
}

var errSnapshotDropped = errors.New("compare: newer snapshots came and this one was dropped; run again, or raise reconcile.keep")
