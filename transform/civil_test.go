package transform

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestCalendar_EveryDayOfFourDigitYears(t *testing.T) {
	want := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay
	for year := uint(0); year <= 9999; year++ {
		for month := uint(1); month <= 12; month++ {
			if got := uint(time.Date(int(year), time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()); got != daysIn(year, month) {
				t.Fatalf("%d-%d has %d days, not %d", year, month, got, daysIn(year, month))
			}
			for day := uint(1); day <= daysIn(year, month); day++ {
				if got := daysBeforeDate(year, month, day); got != want {
					t.Fatalf("%d-%d-%d is day %d, not %d", year, month, day, want, got)
				}
				want++
			}
		}
	}
}

// civilText is the contract's grammar of dates and times, written down a second
// time. Ranges are checked apart.
var civilText = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2})(?:(:\d{2})(?:[.,](\d{1,9}))?)?` +
	`(?: ?(Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?)?$`)

// referenceCivil reads the same by regular expression and time.Parse.
func referenceCivil(text string) (local time.Time, offset int, zoned, ok bool) {
	m := civilText.FindStringSubmatch(text)
	if m == nil {
		return time.Time{}, 0, false, false
	}
	day, clock, seconds := m[1], m[2], m[3]
	if clock == "" {
		clock = "00:00"
	}
	if seconds == "" {
		seconds = ":00"
	}
	local, err := time.Parse("2006-01-02 15:04:05", day+" "+clock+seconds)
	if err != nil {
		return time.Time{}, 0, false, false
	}
	if m[4] != "" {
		nanos, err := strconv.Atoi((m[4] + "000000000")[:9])
		if err != nil {
			return time.Time{}, 0, false, false
		}
		local = local.Add(time.Duration(nanos))
	}
	zone := m[5]
	if zone == "" {
		return local, 0, false, true
	}
	if strings.ContainsAny(zone[:1], "+-") {
		digits := strings.ReplaceAll(zone[1:], ":", "") + "00"
		hours, _ := strconv.Atoi(digits[:2])
		minutes, _ := strconv.Atoi(digits[2:4])
		if hours > 23 || minutes > 59 {
			return time.Time{}, 0, false, false
		}
		offset = hours*3600 + minutes*60
		if zone[0] == '-' {
			offset = -offset
		}
	}
	return local, offset, true, true
}

func FuzzTimestamp(f *testing.F) {
	for _, seed := range []string{"2024-01-05T10:00:00Z", "2024-01-05 10:00:00,123456789 -0330", "2024-01-05", "2024-02-29t23:59z",
		"2024-01-05T10:00:00.5+01", "0000-02-29", "1704448800.1", "20240105", "-1", "2024-01-05 10:00 GMT", "2016-12-31T23:59:60Z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, ok := parseCivil([]byte(text))
		local, offset, zoned, wantOK := referenceCivil(text)
		if ok != wantOK {
			t.Fatalf("%q: read %t, want %t", text, ok, wantOK)
		}
		if !ok {
			return
		}
		if c.seconds != local.Unix() || c.millis != int64(local.Nanosecond()/1e6) || c.zoned != zoned || zoned && c.offset != int64(offset) {
			t.Fatalf("%q: %+v, want %s, offset %d (%t)", text, c, local, offset, zoned)
		}
	})
}
