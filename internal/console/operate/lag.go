package operate

import (
	"cmp"
	"context"
	"slices"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/offsets"
)

// lagAlert is the lag of one partition above which the page says so. The alert PianolaLag
// of docs/monitoring.md adds up a topic.
const lagAlert = 10_000

// lag is the consumer group as a table. Partitions that need a look come first.
func lag(ctx context.Context, d Deps) (*figures.Table, error) {
	t := &figures.Table{AsOf: d.Now(), Columns: []figures.Column{
		{Name: "topic", Type: "String"}, {Name: "partition", Type: "Int32"}, {Name: "committed", Type: "Int64"}, {Name: "log_end", Type: "Int64"},
		{Name: "lag", Type: "Int64"}, {Name: "open_transaction", Type: "Int64"}, {Name: "next_run", Type: "String"}, {Name: "alert", Type: "String"},
	}}
	report, err := d.Offsets(ctx)
	if err != nil {
		return nil, err
	}
	partitions := slices.Clone(report.Partitions)
	slices.SortStableFunc(partitions, func(a, b offsets.Partition) int {
		return cmp.Or(cmp.Compare(alertOf(&b), alertOf(&a)), cmp.Compare(b.Lag, a.Lag))
	})
	for _, one := range partitions {
		t.Rows = append(t.Rows, []any{one.Topic, one.Partition, orNil(one.Committed), one.LogEnd, one.Lag, one.OpenTransaction, string(one.Next.Verdict), alertOf(&one)})
	}
	return t, nil
}

// alertOf is what an alert would report about a partition.
func alertOf(p *offsets.Partition) string {
	switch {
	case p.OpenTransaction > 0:
		return "an open transaction holds messages back"
	case p.Lag > lagAlert:
		return "lag above 10000"
	default:
		return ""
	}
}

func orNil(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}
