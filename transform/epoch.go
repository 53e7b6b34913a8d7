package transform

import "math"

// epochText reads digits[.digits], also with a minus sign, so that a negative
// epoch is distinguished from other text. Eight or fourteen digits alone may be a
// compact date and are not accepted, nor are zeros (contract §2).
func epochText(b []byte) (int64, parseResult) {
	rest := b
	if len(rest) > 0 && rest[0] == '-' {
		rest = rest[1:]
	}
	n := countDigits(rest)
	if n == 0 || n == len(b) && (n == 8 || n == 14) {
		return 0, instantUnreadable
	}
	if rest = rest[n:]; len(rest) > 0 {
		if rest[0] != '.' || len(rest) == 1 || countDigits(rest[1:]) != len(rest)-1 {
			return 0, instantUnreadable
		}
	}
	return epochNumber(b)
}

// epochNumber reads an epoch whose magnitude gives its unit: below 1e11 seconds,
// below 1e14 milliseconds, below 1e17 microseconds, else nanoseconds. It
// truncates to milliseconds.
func epochNumber(b []byte) (int64, parseResult) {
	d, ok := parseDecimal(b)
	switch {
	case !ok:
		return 0, instantUnreadable
	case d.isZero():
		return 0, instantNone
	case d.negative:
		return 0, instantNegative
	}
	// The number lies in [10^(point-1), 10^point).
	places := int64(-6)
	switch {
	case d.point <= 11:
		places = 3
	case d.point <= 14:
		places = 0
	case d.point <= 17:
		places = -3
	}
	ms, ok := d.cut(places)
	if !ok {
		ms = math.MaxInt64 // out of every range
	}
	return ms, instantRead
}
