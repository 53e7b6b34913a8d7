package transform

import (
	"time"

	"github.com/pianola/pianola/schemas"
)

// Stage 2, UTC normalisation (contract §2): every timestamp becomes UTC
// milliseconds, truncated, and its range is checked.

const (
	millisPerDay = secondsPerDay * 1000
	year2000     = 946_684_800_000   // 2000-01-01T00:00:00Z in milliseconds
	year2200     = 7_258_118_400_000 // 2200-01-01T00:00:00Z
)

func (w *Worker) normalise(now time.Time) bool {
	return w.normaliseEvent(now) &&
		w.normaliseOptional(nextBilledAt, &w.nextBilled) &&
		w.normaliseOptional(trialPeriodEndedAt, &w.trialEnded)
}

// normaliseEvent reads the event's own timestamp, which must be in [2000-01-01,
// now + max_future]. A timestamp that means none is out of range here.
func (w *Worker) normaliseEvent(now time.Time) bool {
	ms, result := w.instant(eventTimestamp)
	if result != instantRead && result != instantNone {
		return w.refuseInstant(eventTimestamp, result)
	}
	latest := now.Add(w.rules.maxFuture).UnixMilli()
	if ms < year2000 || ms > latest {
		return w.refuse(schemas.TimestampOutOfRange, eventTimestamp, eventRangeDetail)
	}
	w.at = schemas.Millis(ms)
	return true
}

// normaliseOptional reads another timestamp.
func (w *Worker) normaliseOptional(f field, into *schemas.NullMillis) bool {
	if w.texts[f] == nil {
		return true
	}
	ms, result := w.instant(f)
	if result == instantRead && year2000 <= ms && ms < year2200 {
		*into = schemas.NullMillis{Millis: schemas.Millis(ms), Valid: true}
		return true
	}
	switch _, result = optional(ms, result); result {
	case instantNone:
		return true
	case instantNever:
		w.result.Notes.NeverTimestamps++
		return true
	case instantEarly:
		return w.refuse(schemas.TimestampOutOfRange, f, otherRangeDetail)
	}
	return w.refuseInstant(f, result)
}

// optional applies the range of an optional timestamp, [2000-01-01, 2200-01-01).
func optional(ms int64, result parseResult) (int64, parseResult) {
	switch {
	case result != instantRead:
	case ms < year2000:
		result = instantEarly
	case ms >= year2200:
		result = instantNever
	}
	return ms, result
}

// parseResult is the result of reading a timestamp.
type parseResult uint8

const (
	instantRead       parseResult = iota
	instantNone                   // the epoch 0 by exact value, or a date and time near it
	instantNever                  // 2200 or later, in an optional timestamp
	instantEarly                  // before 2000, in an optional timestamp
	instantNegative               // an epoch below 0
	instantUnreadable             // no accepted notation
)

// instant reads a field in any notation, as milliseconds since the epoch.
func (w *Worker) instant(f field) (int64, parseResult) {
	text := w.texts[f]
	if w.record.values[f].kind == numberKind {
		return epochNumber(text)
	}
	return readInstant(text, &w.zone, &w.rules.zone)
}

// readInstant reads trimmed text in any notation; local times are in the zone.
func readInstant(text []byte, cursor *zoneCursor, z *zone) (int64, parseResult) {
	if len(text) > 4 && text[4] == '-' {
		c, ok := parseCivil(text)
		if !ok {
			return 0, instantUnreadable
		}
		if !c.zoned {
			c.offset = cursor.offset(z, c.seconds)
		}
		ms := (c.seconds-c.offset)*1000 + c.millis
		if -millisPerDay <= ms && ms <= millisPerDay {
			// Publishers write 1970-01-01 for none, in any time zone.
			return ms, instantNone
		}
		return ms, instantRead
	}
	return epochText(text)
}

func (w *Worker) refuseInstant(f field, v parseResult) bool {
	if v == instantNegative {
		return w.refuse(schemas.TimestampOutOfRange, f, negativeDetail)
	}
	return w.refuse(schemas.InvalidTimestamp, f, unreadableDetail)
}
