package pipeline

import (
	"context"
	"sync"
)

// gate bounds what the lanes have gathered and the flusher has not yet taken.
// Lanes reserve before they take in records and settle afterwards, so the sum
// never passes maxRows, and passes maxBytes by less than one message a lane.
// It is safe for concurrent use.
type limiter struct {
	maxRows, maxBytes int

	mu    sync.Mutex
	rows  int
	bytes int
	open  chan struct{} // closed, and replaced, whenever room appears
	// some is signalled when the gate leaves zero, full when it has shut; both
	// hold one signal, so that a signal sent while the flusher is busy stays.
	some chan struct{}
	full chan struct{}
}

func newLimiter(maxRows, maxBytes int) *limiter {
	return &limiter{
		maxRows: maxRows, maxBytes: maxBytes,
		open: make(chan struct{}),
		some: make(chan struct{}, 1),
		full: make(chan struct{}, 1),
	}
}

// reserve waits until there is room and takes up to the wanted rows and bytes
// of it, at least one of each. The error is the context's.
func (g *limiter) reserve(ctx context.Context, rows, bytes int) (int, int, error) {
	for {
		g.mu.Lock()
		if g.rows < g.maxRows && g.bytes < g.maxBytes {
			rows, bytes = min(rows, g.maxRows-g.rows), min(bytes, g.maxBytes-g.bytes)
			g.rows += rows
			g.bytes += bytes
			g.mu.Unlock()
			return rows, bytes, nil
		}
		open := g.open
		g.mu.Unlock()
		signal(g.full)
		select {
		case <-open:
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
	}
}

// settle replaces a reservation by what was really taken in, which may be more
// bytes (one message over) but never more rows.
func (g *limiter) adjust(reservedRows, usedRows, reservedBytes, usedBytes int) {
	g.add(usedRows-reservedRows, usedBytes-reservedBytes)
	if usedRows > 0 || usedBytes > 0 {
		signal(g.some)
	}
}

// touch tells the flusher that there is progress to commit although nothing was
// taken in (a range without records).
func (g *limiter) notify() { signal(g.some) }

// heard takes back the signals from before a collection: they speak of what it
// takes.
func (g *limiter) drainSignals() {
	for _, c := range []chan struct{}{g.some, g.full} {
		select {
		case <-c:
		default:
		}
	}
}

// release gives back what a collected part held.
func (g *limiter) release(rows, bytes int) { g.add(-rows, -bytes) }

func (g *limiter) add(rows, bytes int) {
	g.mu.Lock()
	g.rows += rows
	g.bytes += bytes
	shut := g.rows >= g.maxRows || g.bytes >= g.maxBytes
	if !shut {
		close(g.open)
		g.open = make(chan struct{})
	}
	g.mu.Unlock()
	if shut {
		signal(g.full)
	}
}

// signal leaves one signal in a channel of one, unless one is there already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
