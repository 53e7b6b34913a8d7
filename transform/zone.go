package transform

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"time"
)

// zone is a time zone compiled for reading local times as PEP 495 does with
// fold=0: in an overlap the first occurrence is meant, in a gap the offset before
// the transition applies. A transition from offset a to b at the instant t
// therefore takes effect at the local time t + max(a, b), in both cases: until
// the end of the gap, and until the end of the second pass.
//
// It is immutable and safe for concurrent use.
type zone struct {
	from    []int64 // local seconds from which offsets[i+1] applies, ascending
	offsets []int64 // seconds east of UTC, one more than from
}

// Transitions are kept for the years in which an accepted timestamp can lie,
// and some more: what is beyond them is out of range at any offset.
var (
	zoneStart = time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC)
	zoneEnd   = time.Date(2202, 1, 1, 0, 0, 0, 0, time.UTC)
)

// loadZone finds a zone by its IANA name. "Local" is refused: what a message
// means must not depend on the machine.
func loadZone(name string) (*time.Location, error) {
	location, err := time.LoadLocation(name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("give an IANA name such as Europe/Copenhagen: %w", err)
	case name == "" || name == "Local":
		return nil, fmt.Errorf("%q is no time zone; give an IANA name such as Europe/Copenhagen", name)
	}
	return location, nil
}

// newZone looks at the offset once a day and then for the second in which it
// changes: no zone changes twice in a day in these years. Time.ZoneBounds would
// be the direct way, but where a rule instead of a table says when summer begins
// it can name an end that is not after the instant it was asked about (Go 1.26,
// 2040-12-31 in all zones with such a rule).
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

// zoneCursor remembers the stretch between two transitions that the last local
// time fell into; most of the next ones fall into it too. The zero value is
// ready.
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
