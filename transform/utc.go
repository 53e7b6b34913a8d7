package transform

import (
	"time"

	"github.com/pianola/pianola/schemas"
)

// Stage 2, UTC normalisation (contract §2): every timestamp becomes UTC
// milliseconds, finer digits cut, and is held to its range.

const (
	year2000 = 946_684_800_000   // 2000-01-01T00:00:00Z in milliseconds
	year2200 = 7_258_118_400_000 // 2200-01-01T00:00:00Z
)

func (w *Worker) normalise(now time.Time) bool {
	return w.normaliseEvent(now) &&
		w.normaliseOptional(nextBilledAt, &w.nextBilled) &&
		w.normaliseOptional(trialPeriodEndedAt, &w.trialEnded)
}

// normaliseEvent takes the event's own instant, which must lie in [2000-01-01,
// now + max_future]. Epoch 0 is an instant here, and out of range.
func (w *Worker) normaliseEvent(now time.Time) bool {
	ms, verdict := w.instant(eventTimestamp)
	if verdict != instantRead && verdict != instantZero {
		return w.refuseInstant(eventTimestamp, verdict)
	}
	latest := now.Add(w.rules.maxFuture).UnixMilli()
	if ms < year2000 || ms > latest {
		return w.refuse(schemas.TimestampOutOfRange, eventTimestamp, eventRangeDetail)
	}
	w.at = schemas.Millis(ms)
	return true
}

// normaliseOptional takes another timestamp: in [1970-01-01, 2200-01-01), none
// where it is later than that or the epoch 0.
func (w *Worker) normaliseOptional(f field, into *schemas.NullMillis) bool {
	if w.texts[f] == nil {
		return true
	}
	ms, verdict := w.instant(f)
	switch {
	case verdict == instantZero:
		return true
	case verdict != instantRead:
		return w.refuseInstant(f, verdict)
	case ms < 0:
		return w.refuse(schemas.TimestampOutOfRange, f, otherRangeDetail)
	case ms >= year2200:
		w.result.Notes.NeverTimestamps++
		return true
	}
	*into = schemas.NullMillis{Millis: schemas.Millis(ms), Valid: true}
	return true
}

// verdict is what reading a timestamp came to.
type verdict uint8

const (
	instantRead       verdict = iota
	instantZero               // the epoch 0, by exact value
	instantNegative           // an epoch below 0
	instantUnreadable         // none of the notations
)

// instant reads a field in any notation, as milliseconds since the epoch.
func (w *Worker) instant(f field) (int64, verdict) {
	text := w.texts[f]
	if w.record.values[f].kind == numberKind {
		return epochNumber(text)
	}
	return readInstant(text, &w.zone, &w.rules.zone)
}

// readInstant reads trimmed text in any notation; local times are in the zone.
func readInstant(text []byte, cursor *zoneCursor, z *zone) (int64, verdict) {
	if len(text) > 4 && text[4] == '-' {
		c, ok := parseCivil(text)
		if !ok {
			return 0, instantUnreadable
		}
		if !c.zoned {
			c.offset = cursor.offset(z, c.seconds)
		}
		return (c.seconds-c.offset)*1000 + c.millis, instantRead
	}
	return epochText(text)
}

func (w *Worker) refuseInstant(f field, v verdict) bool {
	if v == instantNegative {
		return w.refuse(schemas.TimestampOutOfRange, f, negativeDetail)
	}
	return w.refuse(schemas.InvalidTimestamp, f, unreadableDetail)
}
