package clickhouseerrors

import (
	"context"
	"fmt"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/schemas"
)

// checkResidue checks what a process has left behind that was refused. No offset is
// committed beyond the ledger, and no message beyond it is a dead letter. No row is a dead
// letter because of the mistake, unless the mistake allows some for a small batch.
func (s *refusals) checkResidue(ctx context.Context, m *mistake, ledgerRefused bool) error {
	flushes, err := s.flushes(ctx)
	if err != nil {
		return err
	}
	next := make([]int64, harness.Partitions)
	for _, f := range flushes {
		next[f.partition] = max(next[f.partition], f.next)
	}
	if err := committedWithin(ctx, s.Round, next); err != nil {
		return err
	}
	rows, err := s.Conn.Query(ctx, `SELECT source_partition, source_offset, reason = $1 FROM dead_letters FINAL WHERE source_name = $2
ORDER BY source_partition, source_offset`, string(schemas.RejectedByServer), s.Topic)
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
		case ledgerRefused:
			// The ledger is written last. What comes before it is stored.
			s.early[at] = true
		case !s.early[at]:
			return fmt.Errorf("partition %d, offset %d is a dead letter, and the ledger ends at %d", at.Partition, at.Offset, next[at.Partition])
		}
		if byServer {
			rejected = append(rejected, at)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the dead letters: %w", err)
	}
	return s.checkRejected(m, flushes, rejected)
}

// committedWithin is an error where the group has committed an offset beyond next, which
// is where the ledger ends in each partition.
func committedWithin(ctx context.Context, r *harness.Round, next []int64) error {
	offsets, err := r.Env.Admin.FetchOffsets(ctx, r.Config.Kafka.Group)
	if err != nil {
		return fmt.Errorf("fetch the group's offsets: %w", err)
	}
	for p := range next {
		if at, found := offsets.Lookup(r.Topic, int32(p)); found && at.At > next[p] {
			return fmt.Errorf("partition %d is committed up to %d, and the ledger ends at %d", p, at.At, next[p])
		}
	}
	return nil
}

// flush is one row of the ledger.
type flush struct {
	token       string
	partition   int32
	start, next int64
	stored      uint64
}

func (s *refusals) flushes(ctx context.Context) ([]flush, error) {
	rows, err := s.Conn.Query(ctx, `SELECT insert_token, source_partition, start_offset, next_offset, stored
FROM ingest_ledger WHERE source_name = $1 ORDER BY written_at DESC LIMIT 1 BY insert_token, source_partition`, s.Topic)
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

// checkRejected compares the rows that have become dead letters with the rule for
// batches, and makes them part of the truth.
func (s *refusals) checkRejected(m *mistake, flushes []flush, rejected []world.Position) error {
	if len(rejected) == len(s.rejected.places) {
		return nil
	}
	if !m.partly {
		return fmt.Errorf("%d rows are dead letters because of it", len(rejected)-len(s.rejected.places))
	}
	rows, rejections := map[string]uint64{}, map[string]uint64{}
	for _, f := range flushes {
		rows[f.token] += f.stored
	}
	for _, at := range rejected {
		for _, f := range flushes {
			if f.partition == at.Partition && f.start <= at.Offset && at.Offset < f.next {
				rows[f.token]++
				rejections[f.token]++
			}
		}
	}
	for token, n := range rejections {
		if all := rows[token]; all >= 100 && n > all/100 {
			return fmt.Errorf("%d rows of a batch of %d are dead letters", n, all)
		}
	}
	s.rejected.places = rejected
	return nil
}
