package migrate

import (
	"testing"
	"time"
)

func TestFirstInstant(t *testing.T) {
	for name, c := range map[string]struct{ zone, date, want string }{
		"UTC":                                   {"UTC", "2026-03-29", "2026-03-29T00:00:00Z"},
		"winter":                                {"Europe/Copenhagen", "2026-03-29", "2026-03-28T23:00:00Z"},
		"summer":                                {"Europe/Copenhagen", "2026-03-30", "2026-03-29T22:00:00Z"},
		"no midnight":                           {"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"},
		"no midnight, Beirut":                   {"Asia/Beirut", "2022-03-27", "2022-03-26T22:00:00Z"},
		"two midnights":                         {"America/Havana", "2025-11-02", "2025-11-02T04:00:00Z"},
		"a minute after midnight, back":         {"America/St_Johns", "2010-11-07", "2010-11-07T02:30:00Z"},
		"a date that never was":                 {"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"},
		"the date after it":                     {"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"},
		"farthest east":                         {"Pacific/Kiritimati", "2026-01-01", "2025-12-31T10:00:00Z"},
		"quarter of an hour":                    {"Asia/Kathmandu", "2026-01-01", "2025-12-31T18:15:00Z"},
		"late, where Go's bounds of zones fail": {"Europe/Copenhagen", "2041-01-01", "2040-12-31T23:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			zone, err := time.LoadLocation(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			date, err := time.Parse(time.DateOnly, c.date)
			if err != nil {
				t.Fatal(err)
			}
			if got := firstInstant(date, zone).UTC().Format(time.RFC3339); got != c.want {
				t.Errorf("%s begins at %s, want %s", c.date, got, c.want)
			}
		})
	}
}
