package reconcile

import (
	"context"
	"fmt"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// examples is how many disagreements of each kind a report shows.
const examples = 5

// count puts what was found into the report.
func (c *comparing) count(ctx context.Context, report *Report) error {
	ofRun := clickhouse.Parameters{"run": c.run.String()}
	query := `SELECT countIf(round = 0 AND arrayExists((d) -> NOT d.agrees, differences)), countIf(round = 1)
FROM ` + c.store.tables.Table("reconciliation_comparisons") + ` FINAL WHERE run_id = {run:UUID}`
	err := c.store.each(ctx, "count candidates", query, ofRun, func(row driver.Rows) error {
		return row.Scan(&report.Candidates, &report.Verified)
	})
	if err != nil {
		return err
	}
	report.NotCompared = map[string]uint64{}
	query = "SELECT toString(not_compared) AS reason, count() FROM " + c.statements.found + " GROUP BY reason"
	err = c.store.each(ctx, "count subscriptions", query, ofRun, func(row driver.Rows) error {
		var reason string
		var n uint64
		err := row.Scan(&reason, &n)
		if reason == "" {
			report.Compared = n
		} else {
			report.NotCompared[reason] = n
		}
		return err
	})
	if err != nil {
		return err
	}
	report.Agreed = map[string]uint64{}
	query = "SELECT concat(d.kind, ':', ifNull(d.stream_value, ''), '→', ifNull(d.api_value, '')) AS difference, count() FROM " +
		c.statements.found + " ARRAY JOIN differences AS d WHERE d.agrees GROUP BY difference"
	err = c.store.each(ctx, "count what counts as agreement", query, ofRun, func(row driver.Rows) error {
		var difference string
		var n uint64
		err := row.Scan(&difference, &n)
		report.Agreed[difference] = n
		return err
	})
	if err != nil {
		return err
	}
	return c.countDrift(ctx, report, ofRun)
}

// countDrift counts by kind, and takes examples: verified ones first, then by id.
func (c *comparing) countDrift(ctx context.Context, report *Report, ofRun clickhouse.Parameters) error {
	query := fmt.Sprintf(`SELECT toString(d.kind) AS kind, count(), countIf(NOT asked),
	arrayMap((x) -> (x.2, x.3, x.4, NOT x.1), groupArraySorted(%d)((NOT asked, subscription_id, d.stream_value, d.api_value)))
FROM %s ARRAY JOIN differences AS d WHERE NOT d.agrees GROUP BY kind`, examples, c.statements.found)
	report.Drift = []KindCount{}
	err := c.store.each(ctx, "count drift", query, ofRun, func(row driver.Rows) error {
		var kind string
		var k KindCount
		var shown [][]any
		if err := row.Scan(&kind, &k.Count, &k.Unverified, &shown); err != nil {
			return err
		}
		k.Kind = Kind(kind)
		k.Severity = k.Kind.Severity()
		for _, one := range shown {
			var e Example
			e.SubscriptionID, _ = one[0].(string)
			e.Stream, _ = one[1].(*string)
			e.API, _ = one[2].(*string)
			e.Verified, _ = one[3].(bool)
			k.Examples = append(k.Examples, e)
		}
		report.Drift = append(report.Drift, k)
		return nil
	})
	order := Kinds()
	slices.SortFunc(report.Drift, func(a, b KindCount) int { return slices.Index(order, a.Kind) - slices.Index(order, b.Kind) })
	return err
}
