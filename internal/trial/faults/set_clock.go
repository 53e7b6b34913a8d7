package faults

import (
	"math/rand/v2"
	"sync"
	"time"
)

// setClock is a wall clock that a trial sets. Timers and deadlines use the system's clock.
// Its times have no monotonic reading, which is harder than with a real clock: a duration
// that was measured with it may be negative.
type setClock struct {
	mu    sync.Mutex
	ahead time.Duration // of the system's clock
	still time.Time     // what it shows while it stands still; zero: it runs
	first time.Time     // what it showed at first
}

func newSetClock() *setClock { return &setClock{first: time.Now().Round(0)} }

func (c *setClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.still.IsZero() {
		return c.still
	}
	return time.Now().Round(0).Add(c.ahead)
}

// maxOffset is how far it may be wrong. It is below transform.max_future (24h), so that a
// slow clock does not make present events future ones.
const maxOffset = 20 * time.Hour

// jump sets the clock, and returns how.
func (c *setClock) jump(dice *rand.Rand) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.still = time.Time{}
	switch dice.IntN(5) {
	case 0:
		c.ahead += time.Duration(dice.Int64N(int64(maxOffset - c.ahead + 1)))
		return "forth"
	case 1:
		c.ahead -= time.Duration(dice.Int64N(int64(maxOffset + c.ahead + 1)))
		return "back"
	case 2:
		c.ahead = max(-maxOffset, c.ahead-time.Duration(dice.Int64N(int64(time.Second))))
		return "back by less than a second"
	case 3:
		c.still = time.Now().Round(0).Add(c.ahead)
		return "stands still"
	default:
		c.still = c.first
		return "an instant again"
	}
}
