package migrate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/progress"
)

// The calendar has the days of the years 2000 to 2099.
var (
	calendarFrom = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	calendarTo   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// SetTimezone fills analytics_calendar with the days of a time zone, unless it has them.
// All days are in one insert, so a reader sees one zone or the other. The marts have the
// new days with their next refresh. It reports whether it has changed the zone.
func (m *Migrator) SetTimezone(ctx context.Context, zone *time.Location) (changed bool, err error) {
	table := m.options.Table("analytics_calendar")
	var stored string
	if err := m.db.QueryRowContext(ctx, "SELECT argMax(timezone, filled_at) FROM "+table).Scan(&stored); err != nil {
		return false, fmt.Errorf("read the time zone of the calendar: %w", Explain(err))
	}
	if stored == zone.String() {
		return false, nil
	}
	m.Progress.Report(progress.Step{Name: "fill the calendar"})
	var shifts []string
	for _, s := range dayShifts(zone) {
		shifts = append(shifts, fmt.Sprintf("(%d, %d)", s.day, s.millis))
	}
	// The names of zones contain no quotes.
	_, err = m.db.ExecContext(ctx, fmt.Sprintf(`INSERT INTO %s (day, starts_at, timezone, filled_at)
SELECT
    toDate('2000-01-01') + number AS day,
    fromUnixTimestamp64Milli(toInt64(toUnixTimestamp(toDateTime(day, 'UTC'))) * 1000 + arrayLast((s) -> s.1 <= number, [%s]).2, 'UTC'),
    '%s',
    now64(3, 'UTC')
FROM numbers(%d)`, table, strings.Join(shifts, ", "), zone, int(calendarTo.Sub(calendarFrom)/(24*time.Hour))))
	if err != nil {
		return false, fmt.Errorf("fill the calendar with the days of %s: %w", zone, Explain(err))
	}
	return true, nil
}

// dayShift is the distance of the first instant of a day, and of the days after it, from
// midnight UTC of the same date.
type dayShift struct {
	day    int // since 2000-01-01
	millis int64
}

// dayShifts lists the days whose shift differs from that of the day before: some 200 for
// a zone with summer time.
func dayShifts(zone *time.Location) []dayShift {
	var all []dayShift
	for day, date := 0, calendarFrom; date.Before(calendarTo); day, date = day+1, date.AddDate(0, 0, 1) {
		shift := firstInstant(date, zone).Sub(date).Milliseconds()
		if len(all) == 0 || all[len(all)-1].millis != shift {
			all = append(all, dayShift{day, shift})
		}
	}
	return all
}

// firstInstant is when a local date begins: at midnight, at the first of two midnights, or
// after the gap that midnight lies in. In these years every zone's days begin, and
// its gaps end, at a multiple of 15 minutes.
func firstInstant(date time.Time, zone *time.Location) time.Time {
	const step, farthestEast = 15 * time.Minute, 15 * time.Hour
	t := date.Add(-farthestEast)
	for {
		y, month, d := t.In(zone).Date()
		if !time.Date(y, month, d, 0, 0, 0, 0, time.UTC).Before(date) {
			return t
		}
		t = t.Add(step)
	}
}
