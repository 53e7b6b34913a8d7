package metrics

import (
	"testing"
	"time"
)

func TestDayStart(t *testing.T) {
	for _, c := range []struct{ zone, day, want string }{
		{"UTC", "2026-03-29", "2026-03-29T00:00:00Z"},
		{"Europe/Copenhagen", "2026-03-29", "2026-03-28T23:00:00Z"},
		{"Europe/Copenhagen", "2026-03-30", "2026-03-29T22:00:00Z"},
		{"Asia/Kathmandu", "2026-01-01", "2025-12-31T18:15:00Z"},
		// The clock goes from 0:00 to 1:00.
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"},
		{"Asia/Beirut", "2022-03-27", "2022-03-26T22:00:00Z"},
		{"Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z"},
		{"America/Havana", "2026-03-08", "2026-03-08T05:00:00Z"},
		// Midnight lies within the gap, from 23:30 to 0:30.
		{"America/Toronto", "1919-03-31", "1919-03-31T04:30:00Z"},
		// The clock goes back from 1:00 to 0:00: the first midnight counts.
		{"America/Havana", "2026-11-01", "2026-11-01T04:00:00Z"},
		// The clock goes back from 0:00 to 23:00: the day begins an hour later.
		{"America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00:00Z"},
		// The whole day does not exist.
		{"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"},
		{"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		day, err := time.Parse(time.DateOnly, c.day)
		if err != nil {
			t.Fatal(err)
		}
		got := time.UnixMilli(int64(dayStart(zone)(day.Date()))).UTC().Format(time.RFC3339)
		if got != c.want {
			t.Errorf("%s in %s begins at %s, not %s", c.day, c.zone, got, c.want)
		}
	}
}

func TestMonths_in_a_zone_without_midnight(t *testing.T) {
	zone, err := time.LoadLocation("America/Sao_Paulo")
	if err != nil {
		t.Fatal(err)
	}
	first, asOf := time.Date(2018, 10, 31, 12, 0, 0, 0, zone), time.Date(2018, 11, 5, 12, 0, 0, 0, zone)
	list := days(millis(first), millis(asOf), zone)
	if len(list) != 6 || list[3].label != "2018-11-03" || list[4].from-list[3].from != dayMillis || list[5].from-list[4].from != 23*dayMillis/24 {
		t.Errorf("%+v", list)
	}
	if last := list[5]; last.complete || last.to != millis(asOf) {
		t.Errorf("the last day is %+v", last)
	}
	list = months(millis(first), millis(asOf), zone)
	if len(list) != 2 || list[0].label != "2018-10" || !list[0].complete || list[1].complete {
		t.Errorf("%+v", list)
	}
}

func TestDaysBetween_counts_local_dates(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Copenhagen")
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 3, 28, 23, 30, 0, 0, zone)
	for hours, want := range map[int]int{0: 0, 1: 1, 23: 1, 24: 2, 25: 2} {
		if got := daysBetween(millis(from), millis(from.Add(time.Duration(hours)*time.Hour)), zone); got != want {
			t.Errorf("%d hours after half past eleven are %d days, not %d", hours, got, want)
		}
	}
}
