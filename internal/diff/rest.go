package diff

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// LetterResult is the open dead letters of one reason.
type LetterResult struct {
	Reason string `json:"reason"`
	First  uint64 `json:"first"`
	Second uint64 `json:"second"`
	// Differs is also set for equal numbers of other messages or fields.
	Differs bool `json:"differs"`
}

// letterDigest is the open dead letters of one reason in one database.
type letterDigest struct {
	count uint64
	prints
}

// compareLetters compares the open dead letters by reason. Whether a message that passes
// now was a dead letter before does not matter.
func (c *Comparison) compareLetters(ctx context.Context) error {
	found := [2]map[string]letterDigest{{}, {}}
	err := c.both(ctx, func(ctx context.Context, side int) error {
		return c.rows(ctx, "count dead letters", side, `SELECT why, count(), sum(print), groupBitXor(print)
			FROM (
				SELECT CAST(reason AS String) AS why, cityHash64(CAST(source AS String), CAST(source_name AS String), source_epoch, source_partition, source_offset,
					isNull(field), ifNull(CAST(field AS Nullable(String)), '')) AS print
				FROM {table} FINAL WHERE resolved_at IS NULL
			) GROUP BY why`, "dead_letters", nil, func(rows driver.Rows) error {
			var reason string
			var d letterDigest
			if err := rows.Scan(&reason, &d.count, &d.sum, &d.xor); err != nil {
				return err
			}
			found[side][reason] = d
			return nil
		})
	})
	if err != nil {
		return err
	}
	reasons := maps.Clone(found[0])
	maps.Copy(reasons, found[1])
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		first, second := found[0][reason], found[1][reason]
		c.report.DeadLetters = append(c.report.DeadLetters, LetterResult{reason, first.count, second.count, first != second})
	}
	return nil
}

// FilteredResult is the filtered subscriptions.
type FilteredResult struct {
	First      uint64 `json:"first"`
	Second     uint64 `json:"second"`
	OnlyFirst  uint64 `json:"only_first"`
	OnlySecond uint64 `json:"only_second"`
	// Samples are ids of which only one database knows, by Kind.
	Samples map[Kind][]string `json:"samples"`
}

// compareFiltered merges the ids of both databases.
func (c *Comparison) compareFiltered(ctx context.Context) error {
	r := &FilteredResult{Samples: map[Kind][]string{}}
	c.report.Filtered = r
	scan := func(rows driver.Rows) (id string, err error) { return id, rows.Scan(&id) }
	query := `SELECT subscription_id FROM {table} FINAL ORDER BY subscription_id`
	return mergeBoth(ctx, c, "read filtered subscriptions", query, "filtered_subscriptions", nil, scan, strings.Compare, func(group [2][]string) error {
		first, second := len(group[0]) > 0, len(group[1]) > 0
		if first {
			r.First++
		}
		if second {
			r.Second++
		}
		switch {
		case !second:
			r.OnlyFirst++
			c.keepID(OnlyFirst, group[0][0])
		case !first:
			r.OnlySecond++
			c.keepID(OnlySecond, group[1][0])
		}
		return nil
	})
}

func (c *Comparison) keepID(kind Kind, id string) {
	if samples := c.report.Filtered.Samples; len(samples[kind]) < c.Samples {
		samples[kind] = append(samples[kind], id)
	}
}
