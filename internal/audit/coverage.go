package audit

import "slices"

// span is the offsets [start, next).
type span struct{ start, next int64 }

func (s span) length() uint64 { return uint64(max(0, s.next-s.start)) }

// coverage is a union of spans: disjoint, in order, with a hole between any two. It has
// one entry, and one more for each hole.
type coverage struct {
	spans    []span
	sum      uint64 // of all lengths
	overlaps uint64 // spans that overlap earlier ones
}

// add adds a span. Its next must not be below that of any earlier one: the order of the
// ledger. An empty span covers nothing, but marks where a coverage starts.
func (c *coverage) add(s span) {
	c.sum += s.length()
	overlaps := false
	for n := len(c.spans); n > 0 && c.spans[n-1].next >= s.start; n-- {
		top := c.spans[n-1]
		overlaps = overlaps || top.next > s.start && top.length() > 0 && s.length() > 0
		s = span{min(s.start, top.start), max(s.next, top.next)}
		c.spans = c.spans[:n-1]
	}
	c.spans = append(c.spans, s)
	if overlaps {
		c.overlaps++
	}
}

func (c *coverage) empty() bool { return len(c.spans) == 0 }

// start and end bound what is covered. The coverage must not be empty.
func (c *coverage) start() int64 { return c.spans[0].start }
func (c *coverage) end() int64   { return c.spans[len(c.spans)-1].next }

// again counts the offsets that were covered again, each time.
func (c *coverage) again() uint64 {
	union := uint64(0)
	for _, s := range c.spans {
		union += s.length()
	}
	return c.sum - union
}

// split cuts a span at the borders of what is covered, in order.
func (c *coverage) split(within span) (covered, holes []span) {
	holes = c.holes(within)
	at := within.start
	for _, hole := range holes {
		if hole.start > at {
			covered = append(covered, span{at, hole.start})
		}
		at = hole.next
	}
	if at < within.next {
		covered = append(covered, span{at, within.next})
	}
	return covered, holes
}

// holes returns what of within is not covered, in order.
func (c *coverage) holes(within span) []span {
	var holes []span
	at := within.start
	for _, s := range c.spans {
		if s.start >= within.next {
			break
		}
		if s.start > at {
			holes = append(holes, span{at, s.start})
		}
		at = max(at, s.next)
	}
	if at < within.next {
		holes = append(holes, span{at, within.next})
	}
	return slices.Clip(holes)
}
