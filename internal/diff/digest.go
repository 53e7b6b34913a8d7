package diff

import (
	"context"
	"maps"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// place is an action in a bucket.
type place struct {
	action string
	bucket uint8
}

// prints of a set of events do not depend on their order. Two functions, so that events
// that cancel out in one do not in the other.
type prints struct{ sum, xor uint64 }

// digest is a month of one database.
type digest struct {
	actions map[string]Total
	places  map[place]prints
}

// digestOf computes the digest in the server: one scan of the month.
func (c *Comparison) digestOf(ctx context.Context, side int, month Month) (digest, error) {
	d := digest{map[string]Total{}, map[place]prints{}}
	query := `SELECT action, bucket, count(), sum(value), sum(print), groupBitXor(print)
		FROM (
			SELECT CAST(subscription_action AS String) AS action, ` + bucket + ` AS bucket,
				ifNull(transaction_value, toDecimal64(0, 4)) AS value, ` + eventPrint() + ` AS print
			FROM {table} FINAL WHERE toYYYYMM(event_timestamp) = {month:UInt32}
		) GROUP BY action, bucket`
	err := c.rows(ctx, "digest events", side, query, "subscription_events", month.parameter(), func(rows driver.Rows) error {
		var at place
		var events uint64
		var value Amount
		var p prints
		if err := rows.Scan(&at.action, &at.bucket, &events, &value.Decimal, &p.sum, &p.xor); err != nil {
			return err
		}
		d.places[at] = p
		d.actions[at.action] = d.actions[at.action].plus(Total{events, value})
		return nil
	})
	return d, err
}

// total is that of all actions.
func (d digest) total() (sum Total) {
	for _, one := range d.actions {
		sum = sum.plus(one)
	}
	return sum
}

// differingBuckets are the buckets in which the digests differ, in order.
func differingBuckets(first, second digest) []uint8 {
	differ := map[uint8]bool{}
	for _, d := range []digest{first, second} {
		for at := range d.places {
			if first.places[at] != second.places[at] {
				differ[at.bucket] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(differ))
}

// compareMonth compares the digests of a month, then the events where they differ.
func (c *Comparison) compareMonth(ctx context.Context, month Month) error {
	var digests [2]digest
	err := c.both(ctx, func(ctx context.Context, side int) (err error) {
		digests[side], err = c.digestOf(ctx, side, month)
		return err
	})
	if err != nil {
		return err
	}
	m := &MonthResult{Month: month, First: digests[0].total(), Second: digests[1].total()}
	c.report.add(m, digests)
	differ := differingBuckets(digests[0], digests[1])
	if len(differ) == 0 {
		return nil
	}
	if err := c.compareEvents(ctx, m, differ); err != nil {
		return err
	}
	m.Unsettled = m.Differences == (Differences{})
	c.report.Events.add(m.Differences)
	return nil
}

func (m Month) parameter() clickhouse.Parameters { return clickhouse.Parameters{"month": m.digits()} }
