package metrics

import (
	"time"

	"github.com/pianola/pianola/schemas"
)

// interval is a day or a month, up to the moment of the figures.
type interval struct {
	label    string // 2026-01 or 2026-01-31
	from, to schemas.Millis
	complete bool // it ends within the figures
}

// days returns every day from the first event to the moment of the figures.
func days(first, asOf schemas.Millis, zone *time.Location) []interval {
	y, m, d := at(first, zone).Date()
	return intervals(asOf, zone, "2006-01-02", func(i int) (int, time.Month, int) { return y, m, d + i })
}

// months returns every month from the first event to the moment of the figures.
func months(first, asOf schemas.Millis, zone *time.Location) []interval {
	y, m, _ := at(first, zone).Date()
	return intervals(asOf, zone, "2006-01", func(i int) (int, time.Month, int) { return y, m + time.Month(i), 1 })
}

func intervals(asOf schemas.Millis, zone *time.Location, layout string, date func(i int) (int, time.Month, int)) []interval {
	var out []interval
	for i := 0; ; i++ {
		from, to := dayStart(zone)(date(i)), dayStart(zone)(date(i+1))
		if from >= asOf {
			return out
		}
		y, m, d := date(i)
		label := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Format(layout)
		out = append(out, interval{label: label, from: from, to: min(to, asOf), complete: to <= asOf})
	}
}

// dayStart returns a function for the first instant of a local date. It is midnight,
// the first of two midnights, or the end of the gap in which midnight lies.
func dayStart(zone *time.Location) func(y int, m time.Month, d int) schemas.Millis {
	return func(y int, m time.Month, d int) schemas.Millis {
		wall := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		// Only a transition within a day of midnight can matter.
		t := wall.Add(-36 * time.Hour)
		for {
			_, offset := t.In(zone).Zone()
			midnight := wall.Add(-time.Duration(offset) * time.Second)
			_, end := t.In(zone).ZoneBounds()
			switch {
			case midnight.Before(t): // a gap ended at t, after midnight
				return millis(t)
			case end.IsZero() || midnight.Before(end):
				return millis(midnight)
			}
			t = end
		}
	}
}

// daysBetween counts local dates from one instant to another.
func daysBetween(from, to schemas.Millis, zone *time.Location) int {
	date := func(m schemas.Millis) time.Time {
		y, mon, d := at(m, zone).Date()
		return time.Date(y, mon, d, 0, 0, 0, 0, time.UTC)
	}
	return int(date(to).Sub(date(from)) / (24 * time.Hour))
}

func at(m schemas.Millis, zone *time.Location) time.Time { return time.UnixMilli(int64(m)).In(zone) }

func millis(t time.Time) schemas.Millis { return schemas.Millis(t.UnixMilli()) }

// position returns the index of the interval that holds an instant.
func position(list []interval, m schemas.Millis) int {
	for i := range list {
		if m < list[i].to {
			return i
		}
	}
	return len(list) - 1
}
