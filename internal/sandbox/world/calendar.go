package world

import "time"

const (
	second = int64(1000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// monthsLater adds months and keeps the time of day. The 31st becomes the last day of
// a shorter month, as in billing systems.
func monthsLater(at int64, months int) int64 {
	t := time.UnixMilli(at).UTC()
	first := time.Date(t.Year(), t.Month()+time.Month(months), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1).UnixMilli()
}

// season returns the weight of a start in a month (table: Jan, Jul, Nov).
func season(at int64) float64 {
	switch time.UnixMilli(at).UTC().Month() {
	case time.January:
		return 1.2
	case time.July:
		return 0.8
	case time.November:
		return 1.5
	default:
		return 1
	}
}

// startIn draws the start of a life, weighted by season.
func (d *dice) startIn(from, to int64) int64 {
	for {
		at := d.between(from, to)
		if d.chance(season(at) / 1.5) {
			return at
		}
	}
}

// grains are the time precisions of source systems. Some notations can express only
// whole seconds, minutes or days.
var (
	grains      = []int64{1, second, minute, day}
	grainShares = []float64{60, 25, 10, 5}
)
