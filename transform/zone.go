package transform

import (
	"errors"
	"math"
	"slices"
	"sort"
	"time"
)

// zone is a time zone that is compiled for reading local times as in PEP 495 with
// fold=0. In an overlap the first occurrence applies, in a gap the offset before
// the transition. So a transition from offset a to b at the instant t takes
// effect at the local time t + max(a, b): at the end of the gap, or of the second
// pass of the overlap.
//
// It is immutable and safe for concurrent use.
type zone struct {
	from    []int64 // local seconds from which offsets[i+1] applies, ascending
	offsets []int64 // seconds east of UTC, one more than from
}

// Transitions are kept for the years of accepted timestamps, and some more. Other
// years are out of range with any offset.
var (
	zoneStart = time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC)
	zoneEnd   = time.Date(2202, 1, 1, 0, 0, 0, 0, time.UTC)
)

// errZone does not repeat the name, which may be a misplaced secret.
var errZone = errors.New("is not an IANA time zone; set one such as Europe/Copenhagen")

// LoadZone finds a zone by its IANA name. It refuses "Local": the meaning of a
// message must not depend on the machine. Its error does not repeat the name.
func LoadZone(name string) (*time.Location, error) {
	location, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, errZone
	}
	return location, nil
}

// newZone compares the offset once a day and then finds the second in which it
// changes: in these years no zone changes twice a day. Time.ZoneBounds would be
// simpler, but for zones with a rule for summer time it can return an end that is
// not after the given instant (Go 1.26, 2040-12-31).
func newZone(location *time.Location) zone {
	offsetAt := func(unix int64) int64 {
		_, offset := time.Unix(unix, 0).In(location).Zone()
		return int64(offset)
	}
	before := offsetAt(zoneStart.Unix())
	z := zone{offsets: []int64{before}}
	if location == time.UTC {
		return z
	}
	for day := zoneStart.Unix(); day < zoneEnd.Unix(); day += secondsPerDay {
		after := offsetAt(day + secondsPerDay)
		if after == before {
			continue
		}
		at := day + 1 + int64(sort.Search(secondsPerDay-1, func(i int) bool {
			return offsetAt(day+1+int64(i)) == after
		}))
		z.from = append(z.from, at+max(before, after))
		z.offsets = append(z.offsets, after)
		before = after
	}
	return z
}

// zoneCursor remembers the range between two transitions of the last local time;
// the next time is usually in it too. The zero value is ready to use.
type zoneCursor struct {
	from, until int64
	east        int64
}

// offset is the offset of a local time, in seconds east of UTC.
func (c *zoneCursor) offset(z *zone, local int64) int64 {
	if local >= c.from && local < c.until {
		return c.east
	}
	i, exact := slices.BinarySearch(z.from, local)
	if exact {
		i++
	}
	c.from, c.until, c.east = math.MinInt64, math.MaxInt64, z.offsets[i]
	if i > 0 {
		c.from = z.from[i-1]
	}
	if i < len(z.from) {
		c.until = z.from[i]
	}
	return c.east
}
