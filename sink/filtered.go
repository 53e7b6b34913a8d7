package sink

import (
	"context"

	"github.com/pianola/pianola/schemas"
)

// FilteredTable is where the ids go whose events the internal filter dropped.
const FilteredTable = "filtered_subscriptions"

// writeFiltered inserts the ids of all parts, each once with its latest instant:
// an internal tester's subscription makes many events. An id without an instant
// was filtered now.
func (w *Writer) writeFiltered(ctx context.Context, token string, parts []*Part, now schemas.Millis) error {
	var rows []schemas.FilteredSubscription
	at := make(map[string]int)
	for _, part := range parts {
		for _, f := range part.Filtered {
			if f.FilteredAt == 0 {
				f.FilteredAt = now
			}
			i, known := at[f.SubscriptionID]
			if !known {
				at[f.SubscriptionID] = len(rows)
				rows = append(rows, f)
				continue
			}
			rows[i].FilteredAt = max(rows[i].FilteredAt, f.FilteredAt)
		}
	}
	t := table{FilteredTable, []schemas.Column{
		{Name: "subscription_id", Type: "String"},
		{Name: "filtered_at", Type: "DateTime64(3, 'UTC')"},
	}}
	return w.insertRows(ctx, t, token+":filtered", len(rows), func(i int) []any {
		return []any{rows[i].SubscriptionID, instant(rows[i].FilteredAt)}
	})
}
