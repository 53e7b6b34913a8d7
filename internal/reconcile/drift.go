package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// maxExamples is how many differences of each kind a report shows.
const maxExamples = 5

// countResults puts the results of phases 3 and 4 into the report.
func (r *run) countResults(ctx context.Context) error {
	ofRun := clickhouse.Parameters{"run": r.record.id.String()}
	query := `SELECT countIf(round = 0 AND arrayExists((d) -> NOT d.agrees, differences)), countIf(round = 1)
FROM ` + r.store.tables.Table("reconciliation_comparisons") + ` FINAL WHERE run_id = {run:UUID}`
	if err := r.store.readOne(ctx, "count candidates", query, ofRun, &r.report.Candidates, &r.report.Verified); err != nil {
		return err
	}
	query = "SELECT toString(not_compared) AS reason, count() FROM " + r.statements.results + " GROUP BY reason"
	var err error
	if r.report.NotCompared, err = r.countByName(ctx, "count subscriptions", query, ofRun); err != nil {
		return err
	}
	r.report.Compared = r.report.NotCompared[""]
	delete(r.report.NotCompared, "")
	r.report.NothingCompared = r.report.Compared == 0 && worthComparing(r.report.NotCompared)
	query = "SELECT concat(d.kind, ':', ifNull(d.stream_value, ''), '→', ifNull(d.api_value, '')) AS difference, count() FROM " +
		r.statements.results + " ARRAY JOIN differences AS d WHERE d.agrees GROUP BY difference"
	if r.report.Agreed, err = r.countByName(ctx, "count differences that agree", query, ofRun); err != nil {
		return err
	}
	return r.countDrift(ctx, ofRun)
}

// worthComparing reports whether one of these subscriptions should be compared in some run.
// Those of internal users and of other terms never are.
func worthComparing(notCompared map[string]uint64) bool {
	for reason, n := range notCompared {
		if n > 0 && reason != "filtered" && reason != "other_term" {
			return true
		}
	}
	return false
}

// countByName runs a query of names and counts.
func (r *run) countByName(ctx context.Context, op, query string, parameters clickhouse.Parameters) (map[string]uint64, error) {
	type count struct {
		name string
		n    uint64
	}
	all, err := read(ctx, r.store, op, query, parameters, func(row driver.Rows, one *count) error { return row.Scan(&one.name, &one.n) })
	counts := map[string]uint64{}
	for _, one := range all {
		counts[one.name] = one.n
	}
	return counts, err
}

// countDrift counts by kind and takes examples: verified ones first, then by id.
func (r *run) countDrift(ctx context.Context, ofRun clickhouse.Parameters) error {
	query := fmt.Sprintf(`SELECT toString(d.kind) AS kind, count(), countIf(NOT asked),
	arrayMap((x) -> (x.2, x.3, x.4, NOT x.1), groupArraySorted(%d)((NOT asked, subscription_id, d.stream_value, d.api_value)))
FROM %s ARRAY JOIN differences AS d WHERE NOT d.agrees GROUP BY kind`, maxExamples, r.statements.results)
	counts, err := read(ctx, r.store, "count drift", query, ofRun, func(row driver.Rows, k *KindCount) error {
		var kind string
		var examples [][]any
		if err := row.Scan(&kind, &k.Count, &k.Unverified, &examples); err != nil {
			return err
		}
		k.Kind = Kind(kind)
		k.Severity = k.Kind.Severity()
		for _, one := range examples {
			var e Example
			e.SubscriptionID, _ = one[0].(string)
			e.Stream, _ = one[1].(*string)
			e.API, _ = one[2].(*string)
			e.Verified, _ = one[3].(bool)
			k.Examples = append(k.Examples, e)
		}
		return nil
	})
	r.report.Drift = append([]KindCount{}, counts...) // in JSON an empty list
	order := Kinds()
	slices.SortFunc(r.report.Drift, func(a, b KindCount) int { return slices.Index(order, a.Kind) - slices.Index(order, b.Kind) })
	return err
}

var errSuperseded = errors.New("a run of a later snapshot completed first")

// writeDrift opens, updates and closes drift, unless the run is superseded (I4). Where
// two runs write at the same time, the row of the later snapshot stays. That run writes
// no row for what agrees. So each range first checks for a later run, and what this run
// still opens within one range the next run closes.
//
// Each insert depends on its range alone, so a repeated one changes nothing more. One
// insert for all ranges would hide the mixture of two runs from readers, but ClickHouse
// would need memory for the whole drift.
//
// Once started it continues to the end, also when ctx ends, with retryLimit for each
// range: drift that is written counts.
func (r *run) writeDrift(ctx context.Context) error {
	parameters := clickhouse.Parameters{"run": r.record.id.String(), "as_of": strconv.FormatInt(r.snapshot.AsOf.UnixMilli(), 10),
		"complete": strconv.FormatBool(r.snapshot.Source == sourceAPI)}
	before, _, err := r.countOpen(ctx)
	if err != nil {
		return err
	}
	err = r.eachRange("write drift", parameters, func(parameters clickhouse.Parameters) error {
		one, cancel := context.WithTimeout(context.WithoutCancel(ctx), retryLimit)
		defer cancel()
		newest, err := r.store.superseding(one, r.snapshot.Source)
		switch {
		case err != nil:
			return err
		case newest.After(r.snapshot.AsOf):
			return errSuperseded
		}
		return r.store.write(one, "write drift", parameters, r.statements.drift)
	})
	if r.report.Superseded = errors.Is(err, errSuperseded); r.report.Superseded {
		return nil
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), retryLimit)
	defer cancel()
	after, closed, err := r.countOpen(ctx)
	if err != nil {
		return err
	}
	// Approximate while another run writes.
	r.report.Open, r.report.Closed, r.report.Opened = after, closed, max(after+closed, before)-before
	return nil
}

// countOpen counts what is open, and what this run has closed.
func (r *run) countOpen(ctx context.Context) (open, closed uint64, err error) {
	query := "SELECT countIf(closed_at IS NULL), countIf(closed_at IS NOT NULL AND run_id = {run:UUID}) FROM " + r.store.tables.Table("drift") + " FINAL"
	err = r.store.readOne(ctx, "count drift", query, clickhouse.Parameters{"run": r.record.id.String()}, &open, &closed)
	return open, closed, err
}
