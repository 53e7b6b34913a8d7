package sink

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/pianola/pianola/schemas"
)

// earlierDeadLetter is what dead_letters knows of a message before this flush.
type earlierDeadLetter struct {
	attempts  uint32
	decidedAt schemas.Millis
	open      bool
	content   uuid.UUID // the hash, where it was asked for
}

// earlierInRange reads the dead letters in the range of a part. A batch bounds
// the number of offsets.
func (w *Writer) earlierInRange(ctx context.Context, l *schemas.LedgerRow) (map[int64]earlierDeadLetter, error) {
	return w.earlierWhere(ctx, l, withoutContent, "source_offset >= ? AND source_offset < ?", l.StartOffset, l.NextOffset)
}

// withoutContent is for callers that need no hash of the content.
const withoutContent = "toUUID('00000000-0000-0000-0000-000000000000')"

// earlierWhere reads the dead letters of a partition that match a condition on
// the offset. content is the expression of their hash.
func (w *Writer) earlierWhere(ctx context.Context, l *schemas.LedgerRow, content, condition string, args ...any) (map[int64]earlierDeadLetter, error) {
	args = append([]any{string(l.Source), l.Name, l.Epoch, l.Partition}, args...)
	found := make(map[int64]earlierDeadLetter)
	err := w.persist(ctx, "read "+DeadLettersTable, func(ctx context.Context, _ int) error {
		clear(found)
		rows, err := w.conn.Query(ctx, `SELECT source_offset, attempts, toUnixTimestamp64Milli(decided_at), resolved_at IS NULL, `+content+`
			FROM `+DeadLettersTable+` FINAL
			WHERE source = ? AND source_name = ? AND source_epoch = ? AND source_partition = ?
			AND `+condition, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var offset, decided int64
			var attempts uint32
			var open uint8
			var hash uuid.UUID
			if err := rows.Scan(&offset, &attempts, &decided, &open, &hash); err != nil {
				return err
			}
			found[offset] = earlierDeadLetter{attempts, schemas.Millis(decided), open == 1, hash}
		}
		return rows.Err()
	})
	return found, err
}

// recheck compares the failed messages of a part with earlier dead letters of the
// range. A message that failed again keeps its number of attempts, and its new
// decision is later than the last one, even when the clocks of two instances
// differ. It returns the offsets of open dead letters that no longer fail, in
// order.
func recheck(before map[int64]earlierDeadLetter, failing []schemas.DeadLetter) (passed []int64) {
	again := make(map[int64]bool, len(failing))
	for i := range failing {
		d := &failing[i]
		again[d.At.Offset] = true
		if e, known := before[d.At.Offset]; known {
			d.Attempts += e.attempts
			d.DecidedAt = max(d.DecidedAt, e.decidedAt+1)
		}
	}
	for offset, e := range before {
		if e.open && !again[offset] {
			passed = append(passed, offset)
		}
	}
	slices.Sort(passed)
	return passed
}

// maxResolved bounds the length of one statement.
const maxResolved = 10_000

// resolve writes a later version of the dead letters at offsets, with
// resolved_at. It copies rows inside ClickHouse, and only open ones, so that a
// repetition has nothing to do.
func (w *Writer) resolve(ctx context.Context, token string, l *schemas.LedgerRow, offsets []int64, now schemas.Millis) error {
	return w.closeDeadLetters(ctx, token, l, offsets, now, schemas.Dismissal{})
}

// closeDeadLetters resolves dead letters, or dismisses them where a dismissal is given.
func (w *Writer) closeDeadLetters(ctx context.Context, token string, l *schemas.LedgerRow, offsets []int64, now schemas.Millis, d schemas.Dismissal) error {
	for batch := range slices.Chunk(offsets, maxResolved) {
		statement := closeStatement(batch, now)
		err := w.persist(ctx, "resolve "+DeadLettersTable, func(ctx context.Context, attempt int) error {
			name := attemptToken(fmt.Sprintf("%s:resolved/%d/%d", token, l.Partition, batch[0]), attempt)
			exec := func(ctx context.Context) error {
				return w.conn.Exec(ctx, statement, d.By, d.Why, string(l.Source), l.Name, l.Epoch, l.Partition, batch[0], batch[len(batch)-1])
			}
			failure := exec(withToken(ctx, name))
			code, view, failed := failedView(failure)
			if !failed {
				return failure
			}
			// What the failed INSERT has stored is not open any more.
			if err := exec(withoutViews(ctx, name+"#view")); err != nil {
				return err
			}
			w.viewFailed(DeadLettersTable, viewFailure{view, code}, len(batch))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// closeStatement has placeholders for who and why, then for the partition and the first and
// the last offset.
func closeStatement(offsets []int64, now schemas.Millis) string {
	at := "fromUnixTimestamp64Milli(toInt64(" + strconv.FormatInt(int64(now), 10) + "), 'UTC')"
	var from []string
	for _, c := range deadLettersTable().columns {
		switch c.Name {
		case "decided_at":
			from = append(from, "greatest("+at+", decided_at + INTERVAL 1 MILLISECOND)")
		case "resolved_at":
			from = append(from, at)
		case "dismissed_by", "dismissed_why":
			from = append(from, "nullIf(?, '')")
		default:
			from = append(from, c.Name)
		}
	}
	return insertStatement(DeadLettersTable, deadLettersTable().columns) +
		" SELECT " + strings.Join(from, ", ") + " FROM " + DeadLettersTable + ` FINAL
		WHERE source = ? AND source_name = ? AND source_epoch = ? AND source_partition = ?
		AND source_offset >= ? AND source_offset <= ? AND resolved_at IS NULL
		AND source_offset IN (` + offsetList(offsets) + ")"
}

func offsetList(offsets []int64) string {
	list := make([]string, len(offsets))
	for i, offset := range offsets {
		list[i] = strconv.FormatInt(offset, 10)
	}
	return strings.Join(list, ", ")
}
