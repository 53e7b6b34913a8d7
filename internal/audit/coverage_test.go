package audit

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestCoverage(t *testing.T) {
	for name, c := range map[string]struct {
		spans    []span
		within   span
		holes    []span
		overlaps uint64
		again    uint64
	}{
		"unbroken":                        {spans: []span{{0, 5}, {5, 9}}, within: span{0, 9}},
		"a hole":                          {spans: []span{{0, 5}, {7, 9}}, within: span{0, 9}, holes: []span{{5, 7}}},
		"before and after":                {spans: []span{{3, 5}}, within: span{1, 9}, holes: []span{{1, 3}, {5, 9}}},
		"nothing is covered":              {within: span{2, 4}, holes: []span{{2, 4}}},
		"a hole above the bound":          {spans: []span{{0, 5}, {7, 9}}, within: span{0, 5}},
		"a hole across the bound":         {spans: []span{{0, 5}, {8, 9}}, within: span{0, 6}, holes: []span{{5, 6}}},
		"one that reaches back over many": {spans: []span{{0, 2}, {4, 6}, {1, 8}}, within: span{0, 8}, overlaps: 1, again: 3},
		"read again from the beginning":   {spans: []span{{0, 4}, {0, 6}}, within: span{0, 6}, overlaps: 1, again: 4},
		"one inside of another":           {spans: []span{{2, 4}, {0, 6}}, within: span{0, 6}, overlaps: 1, again: 2},
		"an empty one is a beginning":     {spans: []span{{4, 4}, {4, 6}}, within: span{4, 6}},
	} {
		t.Run(name, func(t *testing.T) {
			var cover coverage
			for _, s := range c.spans {
				cover.add(s)
			}
			if got := cover.holes(c.within); !slices.Equal(got, c.holes) {
				t.Errorf("holes %v, want %v", got, c.holes)
			}
			if cover.overlaps != c.overlaps || cover.again() != c.again {
				t.Errorf("%d overlaps, %d again; want %d and %d", cover.overlaps, cover.again(), c.overlaps, c.again)
			}
		})
	}
}

// TestCoverage_AgainstACount holds the union against counting every offset.
func TestCoverage_AgainstACount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bound := rapid.Int64Range(0, 30)
		spans := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) span {
			a, b := bound.Draw(t, "a"), bound.Draw(t, "b")
			return span{min(a, b), max(a, b)}
		}), 0, 12).Draw(t, "spans")
		slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.next, b.next), cmp.Compare(a.start, b.start)) })
		var cover coverage
		var times [31]uint64
		for _, s := range spans {
			cover.add(s)
			for o := s.start; o < s.next; o++ {
				times[o]++
			}
		}
		open := map[int64]bool{}
		for _, hole := range cover.holes(span{0, 31}) {
			for o := hole.start; o < hole.next; o++ {
				open[o] = true
			}
		}
		again := uint64(0)
		for o, n := range times {
			if open[int64(o)] != (n == 0) {
				t.Fatalf("offset %d is covered %d times, and in a hole: %v", o, n, open[int64(o)])
			}
			if n > 1 {
				again += n - 1
			}
		}
		if cover.again() != again {
			t.Fatalf("%d offsets again, want %d", cover.again(), again)
		}
	})
}
