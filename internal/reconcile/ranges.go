package reconcile

import (
	"context"
	"slices"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// cut cuts the subscription ids into ranges of about equal work, each from one of the
// texts up to the next; the first and the last text are empty. Ranges, for the tables
// are sorted by id: of each only its own part is read. Ids that drift alone still has
// count too, since it is written in the same ranges.
func (c *comparing) cut(ctx context.Context) error {
	var total uint64
	var sample []string
	err := c.store.readOne(ctx, "sample subscription ids", `SELECT count(), groupArraySample(4096)(subscription_id) FROM
(
	SELECT subscription_id FROM `+c.store.tables.Table("subscription_events")+`
	UNION ALL
	SELECT subscription_id FROM `+c.store.tables.Table("subscription_snapshots")+` WHERE snapshot_id = {id:UUID}
	UNION ALL
	SELECT subscription_id FROM `+c.store.tables.Table("drift")+` WHERE closed_at IS NULL
)`, clickhouse.Parameters{"id": c.snapshot.ID.String()}, &total, &sample)
	if err != nil {
		return err
	}
	slices.Sort(sample)
	bounds := []string{""}
	n := 1 + int(total/c.rowsAtOnce)
	for i := 1; i < n; i++ {
		bounds = append(bounds, sample[i*len(sample)/n])
	}
	c.ranges = append(slices.Compact(bounds), "")
	return nil
}

// eachRange calls do with the parameters of each range in turn; step is its name for
// the progress.
func (c *comparing) eachRange(step string, parameters clickhouse.Parameters, do func(clickhouse.Parameters) error) error {
	done := c.store.progress.Count(step, "ranges", uint64(len(c.ranges)-1))
	for i := range len(c.ranges) - 1 {
		parameters["from"], parameters["to"] = escaped(c.ranges[i]), escaped(c.ranges[i+1])
		if err := do(parameters); err != nil {
			return err
		}
		done.Add(1)
	}
	return nil
}

// effects marks the subscriptions of which a change may just have taken effect. It may
// be called again, and marks what has come since.
func (c *comparing) effects(ctx context.Context) error {
	parameters := c.parameters(roundSnapshot, c.snapshot.ID)
	var recent uint64
	query := "SELECT uniq(subscription_id) FROM " + c.store.tables.Table("subscription_events") + " WHERE " + clauses{}.Recent()
	if err := c.store.readOne(ctx, "count recent subscriptions", query, parameters, &recent); err != nil {
		return err
	}
	buckets := 1 + recent/rowsOfBucket
	parameters["buckets"] = strconv.FormatUint(buckets, 10)
	for bucket := range buckets {
		parameters["bucket"] = strconv.FormatUint(bucket, 10)
		if err := c.store.write(ctx, "look for changes that take effect", parameters, c.statements.effects); err != nil {
			return err
		}
	}
	return nil
}
