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
	if err := c.store.readOne(ctx, "count candidates", query, ofRun, &report.Candidates, &report.Verified); err != nil {
		return err
	}
	query = "SELECT toString(not_compared) AS reason, count() FROM " + c.statements.found + " GROUP BY reason"
	var err error
	if report.NotCompared, err = c.counted(ctx, "count subscriptions", query, ofRun); err != nil {
		return err
	}
	report.Compared = report.NotCompared[""]
	delete(report.NotCompared, "")
	query = "SELECT concat(d.kind, ':', ifNull(d.stream_value, ''), '→', ifNull(d.api_value, '')) AS difference, count() FROM " +
		c.statements.found + " ARRAY JOIN differences AS d WHERE d.agrees GROUP BY difference"
	if report.Agreed, err = c.counted(ctx, "count what counts as agreement", query, ofRun); err != nil {
		return err
	}
	return c.countDrift(ctx, report, ofRun)
}

// counted is the answer to a query of names and how often each is there.
func (c *comparing) counted(ctx context.Context, what, query string, parameters clickhouse.Parameters) (map[string]uint64, error) {
	type count struct {
		name string
		n    uint64
	}
	all, err := read(ctx, c.store, what, query, parameters, func(row driver.Rows, one *count) error { return row.Scan(&one.name, &one.n) })
	counts := map[string]uint64{}
	for _, one := range all {
		counts[one.name] = one.n
	}
	return counts, err
}

// countDrift counts by kind, and takes examples: verified ones first, then by id.
func (c *comparing) countDrift(ctx context.Context, report *Report, ofRun clickhouse.Parameters) error {
	query := fmt.Sprintf(`SELECT toString(d.kind) AS kind, count(), countIf(NOT asked),
	arrayMap((x) -> (x.2, x.3, x.4, NOT x.1), groupArraySorted(%d)((NOT asked, subscription_id, d.stream_value, d.api_value)))
FROM %s ARRAY JOIN differences AS d WHERE NOT d.agrees GROUP BY kind`, examples, c.statements.found)
	found, err := read(ctx, c.store, "count drift", query, ofRun, func(row driver.Rows, k *KindCount) error {
		var kind string
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
		return nil
	})
	report.Drift = append([]KindCount{}, found...) // in JSON an empty list
	order := Kinds()
	slices.SortFunc(report.Drift, func(a, b KindCount) int { return slices.Index(order, a.Kind) - slices.Index(order, b.Kind) })
	return err
}
