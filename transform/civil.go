package transform

// civilTime is a date and time in RFC 3339 or a common relaxation.
type civilTime struct {
	seconds int64 // since 1970-01-01T00:00:00 on the same clock
	millis  int64 // 0 to 999, truncated
	offset  int64 // seconds east of UTC
	zoned   bool  // the text has an offset
}

// parseCivil reads a date, or a date and a time (contract §2, stage 2): T, t or
// one space between them; seconds may be absent, and a fraction of one to nine
// digits needs them; years have four digits. Leap seconds and 24:00 are refused.
// A date alone takes no offset.
func parseCivil(b []byte) (c civilTime, ok bool) {
	if len(b) < 10 || b[4] != '-' || b[7] != '-' {
		return c, false
	}
	century, year, month, day := twoDigits(b, 0), twoDigits(b, 2), twoDigits(b, 5), twoDigits(b, 8)
	if century > 99 || year > 99 || month-1 > 11 {
		return c, false
	}
	year += 100 * century
	if day-1 >= daysIn(year, month) {
		return c, false
	}
	c.seconds = daysBeforeDate(year, month, day) * secondsPerDay
	if len(b) == 10 {
		return c, true
	}
	if len(b) < 16 || b[10] != 'T' && b[10] != 't' && b[10] != ' ' || b[13] != ':' {
		return c, false
	}
	hour, minute, second := twoDigits(b, 11), twoDigits(b, 14), uint(0)
	rest := b[16:]
	if len(rest) >= 3 && rest[0] == ':' {
		second = twoDigits(rest, 1)
		if rest, ok = c.fraction(rest[3:]); !ok {
			return c, false
		}
	}
	if hour > 23 || minute > 59 || second > 59 {
		return c, false
	}
	c.seconds += int64(hour*3600 + minute*60 + second)
	return c, c.readOffset(rest)
}

// fraction reads a point or comma and one to nine digits, if present.
func (c *civilTime) fraction(b []byte) (rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '.' && b[0] != ',' {
		return b, true
	}
	digits := b[1:]
	n := countDigits(digits)
	if n < 1 || n > 9 {
		return nil, false
	}
	scale := int64(100)
	for _, d := range digits[:min(n, 3)] {
		c.millis += int64(d-'0') * scale
		scale /= 10
	}
	return digits[n:], true
}

// readOffset reads the end of a time: nothing, or an offset after an optional
// space.
func (c *civilTime) readOffset(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if b[0] == ' ' {
		b = b[1:]
	}
	c.zoned = true
	switch string(b) {
	case "Z", "z", "UTC", "GMT":
		return true
	}
	if len(b) < 3 || b[0] != '+' && b[0] != '-' {
		return false
	}
	hours, minutes := twoDigits(b, 1), uint(0)
	switch {
	case len(b) == 3:
	case len(b) == 5:
		minutes = twoDigits(b, 3)
	case len(b) == 6 && b[3] == ':':
		minutes = twoDigits(b, 4)
	default:
		return false
	}
	c.offset = int64(hours*3600 + minutes*60)
	if b[0] == '-' {
		c.offset = -c.offset
	}
	return hours <= 23 && minutes <= 59
}

// twoDigits reads the two digits at i. Other bytes give a number that is out of
// every range.
func twoDigits(b []byte, i int) uint {
	tens, ones := uint(b[i]-'0'), uint(b[i+1]-'0')
	if tens > 9 || ones > 9 {
		return 1 << 16
	}
	return tens*10 + ones
}
