package trial

import (
	"context"
	"fmt"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// nothingLeft looks at what a process that was refused has left behind: no offset
// is committed beyond the ledger, no message beyond it is a dead letter, and none
// is one because of the mistake, unless that is of a kind for which a small batch
// may have some.
func (x *refusing) nothingLeft(ctx context.Context, m *mistake) error {
	flushes, err := x.flushes(ctx)
	if err != nil {
		return err
	}
	next := make([]int64, partitions)
	for _, f := range flushes {
		next[f.partition] = max(next[f.partition], f.next)
	}
	offsets, err := x.stage.admin.FetchOffsets(ctx, x.cfg.Kafka.Group)
	if err != nil {
		return fmt.Errorf("read the group's offsets: %w", err)
	}
	for p := range next {
		if at, found := offsets.Lookup(x.topic, int32(p)); found && at.At > next[p] {
			return fmt.Errorf("partition %d is committed up to %d, and the ledger ends at %d", p, at.At, next[p])
		}
	}
	rows, err := x.conn.Query(ctx, `SELECT source_partition, source_offset, reason = $1 FROM dead_letters FINAL WHERE source_name = $2
ORDER BY source_partition, source_offset`, string(schemas.RejectedByServer), x.topic)
	if err != nil {
		return fmt.Errorf("read the dead letters: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var rejected []world.Position
	for rows.Next() {
		var at world.Position
		var byServer bool
		if err := rows.Scan(&at.Partition, &at.Offset, &byServer); err != nil {
			return fmt.Errorf("read the dead letters: %w", err)
		}
		switch {
		case at.Offset < next[at.Partition]:
		case x.revoked.name == ledgerInsert.name:
			// The ledger is written last: without the grant for it the rest is there.
			x.early[at] = true
		case !x.early[at]:
			return fmt.Errorf("partition %d, offset %d is a dead letter, and the ledger ends at %d", at.Partition, at.Offset, next[at.Partition])
		}
		if byServer {
			rejected = append(rejected, at)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the dead letters: %w", err)
	}
	return x.tolerated(m, flushes, rejected)
}

// flush is one row of the ledger.
type flush struct {
	token       string
	partition   int32
	start, next int64
	stored      uint64
}

func (x *refusing) flushes(ctx context.Context) ([]flush, error) {
	rows, err := x.conn.Query(ctx, `SELECT insert_token, source_partition, start_offset, next_offset, stored
FROM ingest_ledger WHERE source_name = $1 ORDER BY written_at DESC LIMIT 1 BY insert_token, source_partition`, x.topic)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []flush
	for rows.Next() {
		var f flush
		if err := rows.Scan(&f.token, &f.partition, &f.start, &f.next, &f.stored); err != nil {
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
		all = append(all, f)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return all, nil
}

// tolerated holds the rows that have become dead letters against the rule for
// batches, and makes them part of the truth.
func (x *refusing) tolerated(m *mistake, flushes []flush, rejected []world.Position) error {
	if len(rejected) == len(x.refused.places) {
		return nil
	}
	if !m.partly {
		return fmt.Errorf("%d rows are dead letters because of it", len(rejected)-len(x.refused.places))
	}
	rows, refusals := map[string]uint64{}, map[string]uint64{}
	for _, f := range flushes {
		rows[f.token] += f.stored
	}
	for _, at := range rejected {
		for _, f := range flushes {
			if f.partition == at.Partition && f.start <= at.Offset && at.Offset < f.next {
				rows[f.token]++
				refusals[f.token]++
			}
		}
	}
	for token, n := range refusals {
		if all := rows[token]; all >= 100 && n > all/100 {
			return fmt.Errorf("%d rows of a batch of %d are dead letters", n, all)
		}
	}
	x.refused.places = rejected
	return nil
}
