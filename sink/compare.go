package sink

import (
	"cmp"
	"context"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// Compare reports what Replace would change, and writes nothing. It needs neither Claims
// nor Read: it counts by message, and whether another delivery takes over changes no
// count. Rows that ClickHouse would refuse count as stored.
func (w *Writer) Compare(ctx context.Context, r *Replacement) (Changes, error) {
	rows := replacedRows{outcomes: r.outcomes()}
	var err error
	if rows.found, err = w.planReplacement(ctx, r, rows.outcomes); err != nil {
		return Changes{}, err
	}
	if rows.marks, err = w.filteredMarks(ctx, r, &rows.found.plan); err != nil {
		return Changes{}, err
	}
	letters, err := w.decideAgain(ctx, r, &rows, 0)
	if err != nil {
		return Changes{}, err
	}
	changes := rows.changes(r, letters)
	return changes, w.compareColumns(ctx, r, &rows, &changes)
}

// changes counts the messages of the range by what changes about them.
func (d *replacedRows) changes(r *Replacement, letters replacedLetters) Changes {
	c := Changes{Messages: map[Change]uint64{}}
	count := func(offset int64) {
		change, m := d.changeOf(r, letters, offset)
		c.Add(Changes{Messages: map[Change]uint64{change: 1}, Samples: d.sample(r, change, m, offset)})
	}
	var offsets []int64
	if r.Part.Chunk != nil {
		offsets = append(offsets, r.Part.Chunk.sourceOffset.values[:r.Part.Chunk.rows]...)
	}
	for i := range r.Part.DeadLetters {
		offsets = append(offsets, r.Part.DeadLetters[i].At.Offset)
	}
	offsets = append(offsets, r.Dropped...)
	slices.Sort(offsets) // so that the samples are the first messages
	for _, offset := range offsets {
		count(offset)
	}
	return c
}

// changeOf is what changes about one message.
func (d *replacedRows) changeOf(r *Replacement, letters replacedLetters, offset int64) (Change, messageChange) {
	before, known := d.found.plan.changes[offset]
	if known && before.change == Superseded {
		before.event = nil
	}
	earlier, letter := letters.earlier[offset]
	open := letter && earlier.open
	switch {
	case d.outcomes.letters[offset]:
		switch {
		case known && before.event != nil:
			return ToDeadLetter, before
		case letters.same[offset]:
			return Unchanged, before
		case open:
			return AlteredLetter, before
		}
		return AddedDeadLetter, before
	case !known: // dropped, and had no row
		if open {
			return ResolvedDropped, before
		}
		return Unchanged, before
	case open && (before.change == Added || before.change == Restored):
		return FromDeadLetter, before
	case before.change == Added:
		row := d.outcomes.rows[offset]
		m, marked := d.marks[r.Part.Chunk.subscriptionID.values.Row(row)]
		if marked && m.version >= r.Part.Chunk.version.values[row] {
			return FromFiltered, before
		}
	}
	return before.change, before
}

// sample is the message as a sample, or nothing where nothing changes.
func (d *replacedRows) sample(r *Replacement, change Change, m messageChange, offset int64) []Sample {
	if change == Unchanged || change == Superseded {
		return nil
	}
	s := Sample{Change: change, At: d.found.mine.of}
	s.At.Offset = offset
	if m.event != nil {
		s.Before = &Identity{m.event.id, m.event.at, m.event.action}
	}
	if row, stored := d.outcomes.rows[offset]; stored {
		c := r.Part.Chunk
		s.After = &Identity{schemas.EventID(c.eventID.values[row]), schemas.Millis(c.eventTimestamp.values[row]), string(c.action.row(row))}
	}
	return []Sample{s}
}

// compareColumns counts the columns in which altered and moved messages differ from their
// rows, and names them in the samples.
func (w *Writer) compareColumns(ctx context.Context, r *Replacement, rows *replacedRows, changes *Changes) error {
	levels := map[levelKey]bool{}
	for _, m := range rows.found.plan.changes {
		if m.change == Altered || m.change == Moved && m.event != nil {
			levels[m.level.key(m.event)] = true
		}
	}
	before := NewChunk()
	read, err := w.readRows(ctx, rows.found.events, levels, before)
	if err != nil {
		return err
	}
	changes.Columns = map[string]uint64{}
	differing := map[int64][]string{}
	for offset, m := range rows.found.plan.changes {
		now, stored := rows.outcomes.rows[offset]
		if m.event == nil || !stored {
			continue
		}
		old, there := read[m.level.key(m.event)]
		if !there {
			continue
		}
		differing[offset] = differences(before, old, r.Part.Chunk, now)
		for _, column := range differing[offset] {
			changes.Columns[column]++
		}
	}
	for i := range changes.Samples {
		changes.Samples[i].Columns = differing[changes.Samples[i].At.Offset]
	}
	slices.SortStableFunc(changes.Samples, func(a, b Sample) int { return cmp.Compare(a.Change, b.Change) })
	return nil
}

// differences names the columns in which two rows differ.
func differences(a *Chunk, rowA int, b *Chunk, rowB int) (names []string) {
	var textA, textB []byte
	for i, c := range contentColumns() {
		textA, textB = appendContent(textA[:0], a.columns[1+i], rowA), appendContent(textB[:0], b.columns[1+i], rowB)
		if string(textA) != string(textB) {
			names = append(names, c.Name)
		}
	}
	return names
}
