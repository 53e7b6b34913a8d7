package sink

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/pianola/pianola/schemas"
)

var errNoJob = errors.New("replace: the range names no job")

// Replace makes the tables show what the messages of a range give today, in place of what
// they gave before. It works by coordinates:
//
//   - a message that gives the stored event with the stored columns is left alone;
//   - other events are inserted;
//   - a row that its message no longer gives gets a delete marker, or is replaced by
//     the row of another delivery that gives the event (successors.go).
//
// The order of the writes keeps each event visible at least once: filtered ids, rows, dead
// letters, markers, resolutions, and the ledger row of kind replay, which is the job's
// checkpoint. A moved event may be visible twice for an instant.
//
// Errors and retries are as Flush's. After an error, or the end of the process, the same
// range may be replaced again: it finds what is left to do. A repetition of what is done
// writes only the ledger row.
//
// A consumer may write the same events meanwhile. It should run with the same rules, or it
// brings back what it reads again. Two jobs with other rules must not replace the same
// range at a time.
func (w *Writer) Replace(ctx context.Context, r *Replacement) (ReplaceStats, error) {
	if r.Part.Ledger.JobID == "" {
		return ReplaceStats{}, errNoJob
	}
	w.flushing.Lock()
	defer w.flushing.Unlock()
	start := w.hooks.Now()
	token := r.token() + "@" + rand.Text()

	rows, err := w.replaceRows(ctx, r, token)
	if err != nil {
		return rows.stats, err
	}
	now := rows.syncedAt
	letters, err := w.decideAgain(ctx, r, &rows, now)
	if err != nil {
		return rows.stats, err
	}
	if err := w.writeDeadLetters(ctx, token, letters.write); err != nil {
		return rows.stats, err
	}
	if err := w.writeMarkers(ctx, token, rows.plan.markers, now); err != nil {
		return rows.stats, err
	}
	if err := w.resolve(ctx, token, &r.Part.Ledger, letters.passed, now); err != nil {
		return rows.stats, err
	}
	ledger := r.Part.Ledger
	ledger.Kind, ledger.Token, ledger.Instance, ledger.SyncedAt = schemas.LedgerReplay, r.token(), w.cfg.Instance, now
	ledger.Stored -= uint64(len(rows.refused))
	ledger.DeadLettered += uint64(len(rows.refused))
	if err := w.appendLedger(ctx, token+":ledger", []schemas.LedgerRow{ledger}); err != nil {
		return rows.stats, err
	}

	stats := rows.stats
	stats.Changes = rows.changes(r, letters)
	stats.Markers, stats.Kept = len(rows.plan.markers), rows.plan.kept
	stats.Refused, stats.Resolved = len(rows.refused), len(letters.passed)
	stats.DeadLetters, stats.Opened = len(letters.write), letters.opened
	stats.Elapsed = w.hooks.Now().Sub(start)
	return stats, nil
}

// replacedRows is a replacement whose event rows are in the table.
type replacedRows struct {
	stats    ReplaceStats
	found    *planner // what it found, before anything was inserted
	plan     *replacePlan
	outcomes outcomes                     // refused rows are dead letters
	refused  map[int64]schemas.DeadLetter // by offset
	marks    map[string]filteredMark
	syncedAt schemas.Millis
}

// replaceRows inserts the rows. A row that ClickHouse refuses makes its message a dead
// letter, which may have consequences for other events: then it decides again.
func (w *Writer) replaceRows(ctx context.Context, r *Replacement, token string) (replacedRows, error) {
	done := replacedRows{outcomes: r.outcomes(), refused: map[int64]schemas.DeadLetter{}}
	unreadable := map[schemas.EventID]bool{}
	for {
		p, err := w.planReplacement(ctx, r, done.outcomes)
		if err != nil {
			return done, err
		}
		p.unreadable = unreadable
		if err := p.resolve(ctx, w); err != nil {
			return done, err
		}
		if done.marks, err = w.filteredMarks(ctx, r, &p.plan); err != nil {
			return done, err
		}
		done.plan = &p.plan
		done.syncedAt = max(done.syncedAt, w.now(), p.plan.newest+1, newestMark(&p.plan, done.marks)+1)
		if done.found == nil {
			done.found = p
			if err := w.writeMarks(ctx, token, r, &done); err != nil {
				return done, err
			}
		}
		refused, err := w.insertPlanned(ctx, r, token, &done)
		if err != nil || len(refused) == 0 {
			return done, err
		}
		for _, row := range refused {
			if row.successorOf != nil {
				unreadable[row.successorOf.event.id] = true
				continue
			}
			offset := row.chunk.sourceOffset.values[row.row]
			done.refused[offset] = row.deadLetter
			done.outcomes.refuse(offset)
		}
	}
}

// planReplacement reads what the tables have and decides what to write.
func (w *Writer) planReplacement(ctx context.Context, r *Replacement, o outcomes) (*planner, error) {
	mine := rangeOfPart(&r.Part.Ledger)
	keys := make(map[schemas.EventID]eventKey)
	if c := r.Part.Chunk; c != nil {
		for row := range c.rows {
			k := eventKey{schemas.EventID(c.eventID.values[row]), string(c.subscriptionID.values.RowBytes(row)), schemas.Millis(c.eventTimestamp.values[row])}
			keys[k.id] = k
		}
	}
	if err := w.eventsOfRange(ctx, mine, keys); err != nil {
		return nil, err
	}
	events, err := w.storedEvents(ctx, keys, mine)
	if err != nil {
		return nil, err
	}
	p := &planner{r: r, mine: mine, outcomes: o, events: events, unreadable: map[schemas.EventID]bool{}}
	p.run()
	return p, nil
}

// refusedRow is a planned row that ClickHouse refuses.
type refusedRow struct {
	plannedRow
	deadLetter schemas.DeadLetter
}

// insertPlanned inserts the rows of a plan in one insert.
func (w *Writer) insertPlanned(ctx context.Context, r *Replacement, token string, done *replacedRows) ([]refusedRow, error) {
	plan := done.plan
	if len(plan.writes) == 0 {
		return nil, nil
	}
	chunk := NewChunk()
	for _, row := range plan.writes {
		e := row.chunk.event(row.row)
		chunk.Append(&e, row.chunk.coordinates(row.row), row.version)
	}
	chunk.syncedAt.value = done.syncedAt
	all := wholeBatch(&Batch{Parts: []*Part{{Chunk: chunk}}}, token+"/"+rand.Text())
	all.replaces = true
	inserted, err := w.events.insert(ctx, all, maxRefused(all.rows))
	done.stats.Attempts += inserted.attempts
	done.stats.Splits += inserted.splits
	if err != nil {
		return nil, err
	}
	w.reportViews(inserted.views)
	done.stats.Rows += all.rows - len(inserted.refused)
	done.stats.Bytes += all.bytes()
	for _, row := range plan.writes {
		if row.successorOf != nil {
			done.stats.Successors++
		}
	}
	var refused []refusedRow
	var own []refusal // by the rows of the range's chunk
	for _, one := range inserted.refused {
		row := plan.writes[one.row]
		letter := row.chunk.deadLetter(row.row, one.code)
		refused = append(refused, refusedRow{row, letter})
		if row.successorOf != nil {
			done.stats.Successors--
		} else {
			own = append(own, refusal{row: row.row, code: one.code})
		}
	}
	return refused, w.guard(ctx, &Batch{Parts: []*Part{r.Part}}, own)
}

// writeMarkers hides rows that no message gives any more. Each marker has the key and the
// coordinates of the row that it hides.
func (w *Writer) writeMarkers(ctx context.Context, token string, all []marker, now schemas.Millis) error {
	t := table{name: EventsTable, columns: append([]schemas.Column{
		{Name: "event_id", Type: "UUID"},
		{Name: "subscription_id", Type: "String"},
		{Name: "event_timestamp", Type: "DateTime64(3, 'UTC')"},
		{Name: "subscription_action", Type: "LowCardinality(String)"},
		{Name: "version", Type: "UInt64"},
		{Name: "synced_at", Type: "DateTime64(3, 'UTC')"},
		{Name: "source_offset", Type: "Int64"},
		{Name: "is_deleted", Type: "UInt8"},
	}, coordinateColumns()...)}
	for batch := range slices.Chunk(all, maxMarkers) {
		err := w.insertRows(ctx, t, token+":markers/"+rand.Text(), len(batch), func(i int) []any {
			e, l := batch[i].event, &batch[i].level
			return []any{uuid.UUID(e.id), e.subscription, instant(e.at), e.action, l.version, instant(now), l.at.Offset, uint8(1),
				string(l.at.Source), l.at.Name, l.at.Epoch, l.at.Partition}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// maxMarkers bounds the rows of one INSERT of delete markers.
const maxMarkers = 50_000
