package sink

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestJudge(t *testing.T) {
	every := func(n, rows int) (positions []float64) {
		for at := 0; at < rows; at += n {
			positions = append(positions, float64(at))
		}
		return positions
	}
	for name, c := range map[string]struct {
		earlier   []rowGroup
		positions []float64
		stops     bool
	}{
		"no refused row":                  {nil, nil, false},
		"ten refused rows of ten":         {nil, every(1, 10), false},
		"eleven of eleven":                {nil, every(1, 11), true},
		"5% of a backlog":                 {nil, every(20, 2000), true},
		"0.9% of a backlog":               {nil, every(111, 20_000), false},
		"a tenth of a percent":            {nil, every(1000, 1_000_000), false},
		"2% of a long backlog":            {nil, every(50, 20_000), true},
		"one more after many good rows":   {[]rowGroup{{10_000, 0}}, []float64{0}, false},
		"a wrong table after good rows":   {[]rowGroup{{100_000, 0}}, every(1, 200), true},
		"few rows at a time, earlier ten": {[]rowGroup{{38, 0}, {2, 2}, {152, 0}, {8, 8}}, []float64{20}, true},
		"what was long ago":               {[]rowGroup{{10_000, 0}, {500, 500}}, []float64{0}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := judge(c.earlier, c.positions); errors.Is(err, ErrTooManyRefused) != c.stops {
				t.Fatal(err)
			}
		})
	}
}

// TestJudge_LoadDoesNotMatter: however a stream is cut into flushes, the guard stops
// it at the same refused row.
func TestJudge_LoadDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rows := rapid.IntRange(1, 6000).Draw(rt, "rows")
		bad := rapid.SliceOfNDistinct(rapid.IntRange(0, rows-1), 0, min(rows, 80), rapid.ID).Draw(rt, "refused")
		slices.Sort(bad)
		stop := func(size int) int { // the row at which a flush of so many rows stops
			var earlier []rowGroup
			for from := 0; from < rows; from += size {
				var positions []float64
				for _, row := range bad {
					if row >= from && row < from+size {
						positions = append(positions, float64(row-from))
					}
				}
				for i := range positions {
					if judge(earlier, positions[:i+1]) != nil {
						return from + int(positions[i])
					}
				}
				// What the tables know afterwards, row by row.
				for row := from; row < min(from+size, rows); row++ {
					refused := 0.0
					if slices.Contains(bad, row) {
						refused = 1
					}
					earlier = append([]rowGroup{{1, refused}}, earlier...)
				}
			}
			return -1
		}
		size := rapid.IntRange(40, 6000).Draw(rt, "flush")
		if whole, cut := stop(rows), stop(size); whole != cut {
			rt.Fatalf("one flush stops at row %d, flushes of %d rows at %d", whole, size, cut)
		}
	})
}
