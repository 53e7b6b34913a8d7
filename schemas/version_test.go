package schemas

import (
	"math"
	"testing"
)

func TestRecordTime_UnitByMagnitude(t *testing.T) {
	for _, c := range []struct {
		timestamp int64
		at        Millis
		rescaled  bool
	}{
		{1_750_000_000_000, 1_750_000_000_000, false},
		{1_750_000_000_000_999, 1_750_000_000_000, true},
		{1_750_000_000_000_999_999, 1_750_000_000_000, true},
		{1_750_000_000, 1_750_000_000_000, true},
		{99_999_999_999, 0, false}, // as seconds it is in the year 5138
		{100_000_000_000, 100_000_000_000, false},
		{99_999_999_999_999, 0, false},
		{1e17 - 1, 0, false},
		{1e17, 1e11, true},
		{1<<43 - 1, 1<<43 - 1, false},
		{1 << 43, 0, false},
		{(1<<43 - 1) * 1000, 1<<43 - 1, true},
		{(1<<43 - 1) * 1_000_000, 1<<43 - 1, true},
		{math.MaxInt64, 0, false},
		{0, 0, false},
		{-1, 0, false},
		{math.MinInt64, 0, false},
	} {
		if at, rescaled := RecordTime(c.timestamp); at != c.at || rescaled != c.rescaled {
			t.Errorf("%d is %d, rescaled %t; want %d, %t", c.timestamp, at, rescaled, c.at, c.rescaled)
		}
	}
}

// TestKafkaVersion_Order lists deliveries from the oldest to the newest.
func TestKafkaVersion_Order(t *testing.T) {
	const now = 1_750_000_000_000
	deliveries := []struct {
		timestamp, offset int64
	}{
		{0, 0}, // without a timestamp, however late
		{-1, 1},
		{0, 1 << 20},
		{math.MaxInt64, 1 << 40},
		{now - 1, 1<<20 - 1},
		{now * 1000, 7}, // microseconds
		{now, 8},
		{now * 1_000_000, 9},
		{now / 1000, 10}, // seconds
		{now + 1, 0},
		{(now + 2) * 1000, 0},
		{1<<43 - 1, 1<<20 - 1},
	}
	before := uint64(0)
	for i, d := range deliveries {
		at, _ := RecordTime(d.timestamp)
		version := KafkaVersion(at, d.offset)
		if i > 0 && version <= before {
			t.Errorf("delivery %d, %+v, has version %d, not above %d", i, d, version, before)
		}
		before = version
		want := at
		if got := VersionTime(version); got != want {
			t.Errorf("delivery %d, %+v: the version tells the time %d, want %d", i, d, got, want)
		}
	}
	if got := KafkaVersion(0, math.MaxInt64); got != 1<<60 || VersionTime(got) != 0 {
		t.Errorf("the largest offset gives %d", got)
	}
	if got := KafkaVersion(now, 3<<20+5); got != now<<20+5 {
		t.Errorf("version %d", got)
	}
}
