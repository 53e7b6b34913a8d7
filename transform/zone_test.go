package transform

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// someZones have every kind of transition: half an hour, a whole day, midnight,
// negative summer time, none.
var someZones = []string{"UTC", "Europe/Copenhagen", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo",
	"Pacific/Apia", "Africa/Casablanca", "Europe/Dublin", "Asia/Kathmandu", "Asia/Gaza", "America/St_Johns",
	"Antarctica/Troll", "Pacific/Chatham", "Asia/Tehran", "America/Havana", "Pacific/Kwajalein"}

func mustZone(t testing.TB, name string) (*time.Location, zone) {
	t.Helper()
	location, err := LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return location, newZone(location)
}

// fold0 is PEP 495's rule for fold=0 in full. Of the offsets around a local time it
// keeps those under which the clock really shows that time, and takes the earliest
// instant. In a gap it takes the offset before the gap.
func fold0(location *time.Location, local int64) int64 {
	offsetAt := func(unix int64) int64 {
		_, offset := time.Unix(unix, 0).In(location).Zone()
		return int64(offset)
	}
	before, after := offsetAt(local-26*3600), offsetAt(local+26*3600)
	for _, offset := range []int64{max(before, after), min(before, after)} { // the larger offset is the earlier instant
		if offsetAt(local-offset) == offset {
			return offset
		}
	}
	return before
}

func TestZone_AgreesWithPEP495(t *testing.T) {
	for _, name := range someZones {
		t.Run(name, func(t *testing.T) {
			location, z := mustZone(t, name)
			if !slices.IsSorted(z.from) {
				t.Fatal("transitions are out of order")
			}
			var cursor zoneCursor
			check := func(local int64) {
				if got, want := cursor.offset(&z, local), fold0(location, local); got != want {
					t.Fatalf("%s: offset %d, want %d", time.Unix(local, 0).UTC().Format(time.DateTime), got, want)
				}
			}
			for i, from := range z.from {
				if i > 0 && i < len(z.from)-1 && (from-z.from[i-1] < 3*secondsPerDay || z.from[i+1]-from < 3*secondsPerDay) {
					continue // two transitions are too close for the reference
				}
				for _, by := range []int64{-90000, -7200, -5400, -3601, -3600, -3599, -1801, -1800, -1, 0, 1, 1800, 3600, 7200} {
					if local := from + by; local < zoneEnd.Unix()-3*secondsPerDay {
						check(local)
					}
				}
			}
		})
	}
}

func TestZone_AnyInstantAnyZoneComesBack(t *testing.T) {
	zones := map[string]zone{}
	for _, name := range someZones {
		_, zones[name] = mustZone(t, name)
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(someZones).Draw(t, "zone")
		location, err := LoadZone(name)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(rapid.Int64Range(0, year2200/1000-1).Draw(t, "unix"), 0).In(location)
		_, offset := at.Zone()
		local := at.Unix() + int64(offset)
		z := zones[name]
		var cursor zoneCursor
		got := local - cursor.offset(&z, local)
		// In the second pass of an overlap the first is meant.
		if first := local - fold0(location, local); got != at.Unix() && got != first {
			t.Fatalf("%s came back as %s", at, time.Unix(got, 0).In(location))
		}
		if again := local - cursor.offset(&z, local); again != got {
			t.Fatalf("the cursor changes its mind: %d, %d", got, again)
		}
	})
}
