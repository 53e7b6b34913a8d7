package diff

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
)

// Kind is a kind of difference.
type Kind string

// The kinds.
const (
	OnlyFirst  Kind = "only_first"
	OnlySecond Kind = "only_second"
	Changed    Kind = "changed"
)

// Sample is one event that differs.
type Sample struct {
	Kind         Kind      `json:"kind"`
	Subscription string    `json:"subscription_id"`
	At           time.Time `json:"event_timestamp"`
	Action       string    `json:"subscription_action"`
	// Columns are those that differ, for Changed.
	Columns []ColumnDifference `json:"columns"`

	id uuid.UUID
}

// ColumnDifference is one column of an event that differs. The values are null for a
// column that is NULL. Those of personal columns are hidden.
type ColumnDifference struct {
	Name   string  `json:"name"`
	Hidden bool    `json:"hidden"`
	First  *string `json:"first"`
	Second *string `json:"second"`
}

// sample keeps an event, if there is room for one more of its kind.
func (r *Report) sample(kind Kind, e event, columns []string) {
	if r.sampled[kind] >= r.samples {
		return
	}
	r.sampled[kind]++
	s := &Sample{Kind: kind, Subscription: e.subscription, At: time.UnixMilli(int64(e.at)).UTC(), Columns: []ColumnDifference{}, id: e.id}
	for _, name := range columns {
		s.Columns = append(s.Columns, ColumnDifference{Name: name, Hidden: slices.Contains(personal, name)})
	}
	r.Samples = append(r.Samples, s)
}

// shown are the compared columns whose values a sample may have.
func shown() []string {
	return slices.DeleteFunc(compared(), func(name string) bool { return slices.Contains(personal, name) })
}

// explainSamples reads the actions and the values of the samples. They stay empty for an
// event that has gone since.
func (c *Comparison) explainSamples(ctx context.Context) error {
	if len(c.report.Samples) == 0 {
		return nil
	}
	var values []string
	for _, name := range shown() {
		values = append(values, "CAST("+name+" AS Nullable(String))")
	}
	for side, without := range []Kind{OnlySecond, OnlyFirst} {
		query, byID := sampleQuery(c.report.Samples, without, values)
		if len(byID) == 0 {
			continue
		}
		err := c.rows(ctx, "read samples", side, query, "subscription_events", nil, func(rows driver.Rows) error {
			var id uuid.UUID
			var action string
			var row []*string
			if err := rows.Scan(&id, &action, &row); err != nil {
				return err
			}
			if s := byID[id]; s != nil {
				s.explain(side, action, row)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sampleQuery is the query for the samples of one database, and these by their ids.
func sampleQuery(samples []*Sample, without Kind, values []string) (query string, byID map[uuid.UUID]*Sample) {
	byID = map[uuid.UUID]*Sample{}
	var keys []string
	for _, s := range samples {
		if s.Kind != without {
			byID[s.id] = s
			keys = append(keys, fmt.Sprintf("(%s, '%s')", quoted(s.Subscription), s.id))
		}
	}
	return `SELECT event_id, CAST(subscription_action AS String), [` + strings.Join(values, ", ") + `]
		FROM {table} FINAL WHERE (subscription_id, event_id) IN (` + strings.Join(keys, ", ") + `)`, byID
}

// explain sets what the row of one database has.
func (s *Sample) explain(side int, action string, row []*string) {
	s.Action = action
	for i := range s.Columns {
		column := &s.Columns[i]
		at := slices.Index(shown(), column.Name)
		if at < 0 {
			continue // personal
		}
		if side == 0 {
			column.First = row[at]
		} else {
			column.Second = row[at]
		}
	}
}

// quoted is a string literal of ClickHouse.
func quoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
