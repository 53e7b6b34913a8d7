package reconcile

import (
	"context"
	"slices"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/internal/statement"
)

// rowsPerRange is about how many events and snapshot rows one statement compares.
// ClickHouse takes some 200 bytes for each.
const rowsPerRange = 500_000

// cut divides the subscription ids into ranges of about equal work. A range begins at
// one of the texts and ends before the next; the first and the last text are empty. The
// tables are sorted by id, so a statement reads its own range alone. Ids that exist only
// in drift count too, since drift is written in the same ranges.
func (r *run) cut(ctx context.Context) error {
	var total uint64
	var sample []string
	err := r.store.readOne(ctx, "sample subscription ids", `SELECT count(), groupArraySample(4096)(subscription_id) FROM
(
	SELECT subscription_id FROM `+r.store.tables.Table("subscription_events")+`
	UNION ALL
	SELECT subscription_id FROM `+r.store.tables.Table("subscription_snapshots")+` WHERE snapshot_id = {id:UUID}
	UNION ALL
	SELECT subscription_id FROM `+r.store.tables.Table("drift")+` WHERE closed_at IS NULL
)`, clickhouse.Parameters{"id": r.snapshot.ID.String()}, &total, &sample)
	if err != nil {
		return err
	}
	slices.Sort(sample)
	bounds := []string{""}
	n := 1 + int(total/r.rowsPerRange)
	for i := 1; i < n; i++ {
		bounds = append(bounds, sample[i*len(sample)/n])
	}
	r.ranges = append(slices.Compact(bounds), "")
	return nil
}

// eachRange calls do with the parameters of each range in turn. step names the work in
// progress reports.
func (r *run) eachRange(step string, parameters clickhouse.Parameters, do func(clickhouse.Parameters) error) error {
	done := r.store.progress.Count(step, "ranges", uint64(len(r.ranges)-1))
	for i := range len(r.ranges) - 1 {
		parameters["from"], parameters["to"] = statement.Text(r.ranges[i]), statement.Text(r.ranges[i+1])
		if err := do(parameters); err != nil {
			return err
		}
		done.Add(1)
	}
	return nil
}

// findTargets finds the first event of each target of a change, for all ranges.
func (r *run) findTargets(ctx context.Context) error {
	parameters := r.parameters(roundSnapshot, r.snapshot.ID)
	query := "SELECT uniq(upgrade_to_subscription_id) FROM " + r.store.tables.Table("subscription_events") + " WHERE " + clauses{}.Changes()
	return r.eachBucket(ctx, "find the targets of changes", query, parameters, r.statements.targets)
}

// eachBucket runs a statement for each bucket of what a query counts.
func (r *run) eachBucket(ctx context.Context, op, count string, parameters clickhouse.Parameters, statement string) error {
	var n uint64
	if err := r.store.readOne(ctx, op, count, parameters, &n); err != nil {
		return err
	}
	buckets := 1 + n/rowsPerBucket
	parameters["buckets"] = strconv.FormatUint(buckets, 10)
	for bucket := range buckets {
		parameters["bucket"] = strconv.FormatUint(bucket, 10)
		if err := r.store.write(ctx, op, parameters, statement); err != nil {
			return err
		}
	}
	return nil
}

// markEffects marks the subscriptions of which a change may have taken effect a moment
// ago. A second call adds what has come since.
func (r *run) markEffects(ctx context.Context) error {
	parameters := r.parameters(roundSnapshot, r.snapshot.ID)
	query := "SELECT uniq(subscription_id) FROM " + r.store.tables.Table("subscription_events") + " WHERE " + clauses{}.Recent()
	return r.eachBucket(ctx, "mark changes that take effect", query, parameters, r.statements.effects)
}
