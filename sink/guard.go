package sink

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/pianola/pianola/schemas"
)

// The guard stops the process when ClickHouse refuses more than 1 % of the event
// rows: then the table is wrong, and not the rows. It judges every refused row
// together with the guardWindow rows before it, those of earlier flushes and of
// other instances included. So a trickle and a backlog of the same messages end
// alike, and so does a restart.
//
// It has no state of its own. The earlier rows are counted in the ledger, and the
// earlier refused ones in the dead letters, where a resolved one no longer counts:
// an operator who has mended the table and redriven them starts from zero.

// guardWindow is the number of rows that the guard judges together.
const guardWindow = 10_000

// maxClockSkew is how far the clock of another instance may be ahead. Rows of a later
// time come from a clock that was wrong, and would count as the newest until that time.
const maxClockSkew = time.Minute

// minGuarded is how many refused rows are tolerated in any case.
const minGuarded = 10

// tolerated is how many of rows may be refused: 1 %, and three standard deviations
// of the number that chance alone gives at this rate.
func tolerated(rows float64) float64 {
	expected := rows / 100
	return max(minGuarded, expected+3*math.Sqrt(expected))
}

// maxRefused is how many of a batch's rows may be refused at most, without regard
// to earlier ones. It ends the search for refused rows early.
func maxRefused(rows int) int {
	windows := (rows + guardWindow - 1) / guardWindow
	return windows * int(tolerated(guardWindow))
}

// rowGroup is rows that were written together, and how many of these were refused.
type rowGroup struct{ rows, refused float64 }

// judge returns an error when a refused row of the batch is one too many. earlier
// are the rows before the batch, newest first. positions are the places of the
// refused rows among the rows of the batch, in order.
func judge(earlier []rowGroup, positions []float64) error {
	first := 0 // of the positions in the window
	for i, at := range positions {
		for positions[first] < at-guardWindow {
			first++
		}
		rows, refused := min(at+1, guardWindow), float64(i+1-first)
		for _, g := range earlier {
			if rows >= guardWindow {
				break
			}
			share := min(1, (guardWindow-rows)/g.rows)
			rows, refused = rows+g.rows*share, refused+g.refused*share
		}
		if refused > tolerated(rows) {
			return tooMany(int(refused), int(rows))
		}
	}
	return nil
}

func tooMany(refused, rows int) error {
	return fmt.Errorf("%w: %d of the last %d", ErrTooManyRefused, refused, rows)
}

// tooManyRefused is the error that stops the process. Nothing is a dead letter yet:
// the flush writes dead letters after the guard.
func tooManyRefused(code int32, cause error) *Error {
	return &Error{
		Op: insertOp(EventsTable), Class: ClassFatal, Code: code, Name: codeName(code), cause: cause,
		Hint: "compare constraints and column types of " + EventsTable + " with `pianola schema ddl`; " +
			"after the repair, redrive the dead letters (`pianola dlq redrive`)",
	}
}

// guard judges the refused rows of a batch.
func (w *Writer) guard(ctx context.Context, b *Batch, refused []refusal) error {
	if len(refused) == 0 {
		return nil
	}
	earlier, err := w.earlierRows(ctx, b)
	if err != nil {
		return err
	}
	if err := judge(earlier, refusedAt(b, refused)); err != nil {
		return tooManyRefused(refused[len(refused)-1].code, err)
	}
	return nil
}

// refusedAt places the refused rows among all rows of the batch, as if its
// partitions had been read at the same pace. A trickle does read them so, and in a
// backlog one partition follows the other.
func refusedAt(b *Batch, refused []refusal) []float64 {
	total := 0
	for _, p := range b.Parts {
		if p.Chunk != nil {
			total += p.Chunk.rows
		}
	}
	positions := make([]float64, len(refused))
	for i, r := range refused {
		positions[i] = float64(r.row) * float64(total) / float64(b.Parts[r.part].Chunk.rows)
	}
	slices.Sort(positions)
	return positions
}

// earlierRows are the rows before the batch, newest first. The ledger may be long,
// so it looks back step by step until it has counted enough rows.
func (w *Writer) earlierRows(ctx context.Context, b *Batch) ([]rowGroup, error) {
	const day = 24 * time.Hour
	for _, back := range []time.Duration{time.Hour, day, 31 * day} {
		groups, err := w.rowsSince(ctx, b, w.now()-schemas.Millis(back.Milliseconds()))
		if err != nil {
			return nil, err
		}
		rows := 0.0
		for _, g := range groups {
			rows += g.rows
		}
		if rows >= guardWindow {
			return groups, nil
		}
	}
	return w.rowsSince(ctx, b, 0)
}

// partition is one partition of one source.
type partition struct {
	name   string
	epoch  uint32
	number int32
}

// rowsSince reads the event rows that were written since then, newest first, and at
// least guardWindow of them where there are so many. It leaves out what is in the
// ranges of the batch: an earlier attempt may have written it. The inner LIMIT bounds
// what ClickHouse sorts of a long ledger. The order is that of synced_at, which equals
// decided_at of the flush's refused rows.
func (w *Writer) rowsSince(ctx context.Context, b *Batch, since schemas.Millis) ([]rowGroup, error) {
	starts := make(map[partition]int64, len(b.Parts))
	for _, p := range b.Parts {
		starts[partition{p.Ledger.Name, p.Ledger.Epoch, p.Ledger.Partition}] = p.Ledger.StartOffset
	}
	const query = `SELECT toFloat64(rows), toFloat64(refused), source_name, source_epoch, source_partition, offset FROM (
			SELECT decided_at AS at, 1 AS rows, 1 AS refused, source_name, source_epoch, source_partition, source_offset AS offset
			FROM ` + DeadLettersTable + ` FINAL
			WHERE reason = ? AND resolved_at IS NULL AND source = ?
			AND decided_at BETWEEN fromUnixTimestamp64Milli(toInt64(?), 'UTC') AND fromUnixTimestamp64Milli(toInt64(?), 'UTC')
			UNION ALL
			SELECT synced_at AS at, stored AS rows, 0 AS refused, source_name, source_epoch, source_partition, start_offset AS offset
			FROM (
				SELECT insert_token, source, source_name, source_epoch, source_partition, start_offset, stored, synced_at, written_at
				FROM ` + LedgerTable + `
				WHERE kind = ? AND source = ? AND stored > 0
				AND written_at BETWEEN fromUnixTimestamp64Milli(toInt64(?), 'UTC') AND fromUnixTimestamp64Milli(toInt64(?), 'UTC')
				ORDER BY written_at DESC LIMIT ?
			)
			ORDER BY written_at DESC LIMIT 1 BY insert_token, source, source_name, source_partition
		) ORDER BY at DESC, refused DESC LIMIT ?`
	most := guardWindow + 2*len(b.Parts)
	until := int64(w.now()) + maxClockSkew.Milliseconds()
	var groups []rowGroup
	err := w.persist(ctx, "read "+LedgerTable, func(ctx context.Context, _ int) error {
		groups = groups[:0]
		rows, err := w.conn.Query(ctx, query, string(schemas.RejectedByServer), string(schemas.SourceKafka), int64(since), until,
			string(schemas.LedgerFlush), string(schemas.SourceKafka), int64(since), until, most, most)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var g rowGroup
			var of partition
			var offset int64
			if err := rows.Scan(&g.rows, &g.refused, &of.name, &of.epoch, &of.number, &offset); err != nil {
				return err
			}
			if start, read := starts[of]; !read || offset < start {
				groups = append(groups, g)
			}
		}
		return rows.Err()
	})
	return groups, err
}
