package diff

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/pianola/pianola/schemas"
)

// event is what the comparison reads of one event.
type event struct {
	subscription string
	at           schemas.Millis
	id           uuid.UUID // of the identity
	columns      string    // prints of the compared columns
}

func scanEvent(rows driver.Rows) (e event, err error) {
	return e, rows.Scan(&e.subscription, (*int64)(&e.at), &e.id, &e.columns)
}

// compareKey is the order of the table. Events of one subscription at one instant differ
// by their action, and are few.
func compareKey(a, b event) int {
	return cmp.Or(strings.Compare(a.subscription, b.subscription), cmp.Compare(a.at, b.at))
}

// compareEvents reads the events of some buckets of a month from both databases, in the
// order of the table, so that neither the server nor this process holds them.
func (c *Comparison) compareEvents(ctx context.Context, m *MonthResult, in []uint8) error {
	numbers := make([]string, len(in))
	for i, n := range in {
		numbers[i] = strconv.Itoa(int(n))
	}
	query := `SELECT subscription_id, toUnixTimestamp64Milli(event_timestamp), event_id, ` + columnPrintsText() + `
		FROM {table} FINAL WHERE toYYYYMM(event_timestamp) = {month:UInt32} AND ` + bucket + ` IN (` + strings.Join(numbers, ", ") + `)
		ORDER BY subscription_id, event_timestamp`
	return mergeBoth(ctx, c, "read events", query, "subscription_events", m.Month.parameter(), scanEvent, compareKey, func(group [2][]event) error {
		c.compareGroup(m, group)
		return nil
	})
}

// compareGroup compares the events of one subscription at one instant.
func (c *Comparison) compareGroup(m *MonthResult, group [2][]event) {
	second := make(map[uuid.UUID]event, len(group[1]))
	for _, e := range group[1] {
		second[e.id] = e
	}
	for _, e := range group[0] {
		other, there := second[e.id]
		delete(second, e.id)
		switch {
		case !there:
			m.OnlyFirst++
			c.report.sample(OnlyFirst, e, nil)
		case e.columns != other.columns:
			m.Changed++
			names := differing(e.columns, other.columns)
			for _, name := range names {
				c.report.Columns[name]++
			}
			c.report.sample(Changed, e, names)
		}
	}
	for _, e := range group[1] {
		if _, left := second[e.id]; left {
			m.OnlySecond++
			c.report.sample(OnlySecond, e, nil)
		}
	}
}
