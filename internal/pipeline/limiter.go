package pipeline

import (
	"context"
	"sync"
)

// limiter bounds what the lanes have gathered and the flusher has not collected.
// Lanes reserve before they add records and adjust afterwards. So the sum never
// exceeds maxRows, and exceeds maxBytes by less than one message per lane. It is
// safe for concurrent use.
type limiter struct {
	maxRows, maxBytes int

	mu    sync.Mutex
	rows  int
	bytes int
	open  chan struct{} // closed and replaced when room appears
	// some is signalled when the limiter is no longer empty, full when no room is
	// left. Both have capacity 1, so a signal stays while the flusher is busy.
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

// reserve waits for room and takes up to the wanted rows and bytes, at least one
// of each. The error is ctx's.
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

// adjust replaces a reservation with what was added: never more rows, and
// possibly more bytes (one message).
func (g *limiter) adjust(reservedRows, usedRows, reservedBytes, usedBytes int) {
	g.add(usedRows-reservedRows, usedBytes-reservedBytes)
	if usedRows > 0 || usedBytes > 0 {
		signal(g.some)
	}
}

// notify signals progress to commit although nothing was added (a range without
// records).
func (g *limiter) notify() { signal(g.some) }

// drainSignals discards pending signals. The collection that follows covers them.
func (g *limiter) drainSignals() {
	for _, c := range []chan struct{}{g.some, g.full} {
		select {
		case <-c:
		default:
		}
	}
}

// release frees what the collected parts held.
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

// signal puts one signal into a channel of capacity 1, unless one is there.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
