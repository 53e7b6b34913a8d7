package sink

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/pianola/pianola/schemas"
)

// replacedLetters are the decisions of a replacement about dead letters.
type replacedLetters struct {
	earlier map[int64]earlierDeadLetter
	write   []schemas.DeadLetter
	opened  int            // of write: those that were not open before
	same    map[int64]bool // offsets that fail as before
	passed  []int64        // offsets of open dead letters that no longer fail, in order
}

// decideAgain compares the messages that fail today with the dead letters of the range. A
// message that fails as before keeps its dead letter as it is, so that a repeated replay
// changes nothing.
func (w *Writer) decideAgain(ctx context.Context, r *Replacement, rows *replacedRows, now schemas.Millis) (replacedLetters, error) {
	l := &r.Part.Ledger
	earlier, err := w.earlierWhere(ctx, l, hashSQL(letterColumns()), "source_offset >= ? AND source_offset < ?", l.StartOffset, l.NextOffset)
	if err != nil {
		return replacedLetters{}, err
	}
	letters := replacedLetters{earlier: earlier, same: map[int64]bool{}}
	failing := slices.Clone(r.Part.DeadLetters)
	for _, letter := range rows.refused {
		failing = append(failing, letter)
	}
	for i := range failing {
		d := &failing[i]
		d.Attempts = max(d.Attempts, 1)
		before, known := earlier[d.At.Offset]
		if known && before.open && before.content == letterHash(d) {
			letters.same[d.At.Offset] = true
			continue
		}
		d.DecidedAt = now
		if known {
			d.DecidedAt = max(now, before.decidedAt+1)
		}
		if known && before.open {
			d.Attempts += before.attempts
		} else {
			letters.opened++ // and it has one attempt, by which a resumed job knows it
		}
		letters.write = append(letters.write, *d)
	}
	for offset, before := range earlier {
		if before.open && rows.outcomes.decided(offset) && !rows.outcomes.letters[offset] {
			letters.passed = append(letters.passed, offset)
		}
	}
	slices.Sort(letters.passed)
	return letters, nil
}

// letterColumns are the columns of a dead letter that its message and the rules decide:
// from the reason to the hash of the message.
func letterColumns() []schemas.Column { return deadLettersTable().columns[5:11] }

// letterHash is the hash of these columns.
func letterHash(d *schemas.DeadLetter) uuid.UUID {
	var b []byte
	for _, value := range deadLetterRow(d)[5:11] {
		switch v := value.(type) {
		case string:
			b = appendText(b, []byte(v), false)
		case *string:
			if v == nil {
				b = appendText(b, nil, true)
			} else {
				b = appendText(b, []byte(*v), false)
			}
		default: // SQL would hash it, and each replay would write the letter again
			panic(fmt.Sprintf("a dead letter's column of type %T has no hash", value))
		}
	}
	return hashOf(b)
}
