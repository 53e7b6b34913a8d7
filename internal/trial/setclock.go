package trial

import (
	"math/rand/v2"
	"sync"
	"time"
)

// setClock is a wall clock that somebody sets while all other time goes on: timers
// and deadlines keep to the system's. What it shows has no monotonic reading, which
// is harder than a real one: time that was measured with it may be negative.
type setClock struct {
	mu    sync.Mutex
	ahead time.Duration // of the system's clock
	still time.Time     // zero while it goes
	first time.Time     // what it showed at its beginning
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

// farthest is how far it may be off. Below transform.max_future (24h), what happens
// now is not taken for the future by a clock that is so far behind.
const farthest = 20 * time.Hour

// jump sets it and says how.
func (c *setClock) jump(dice *rand.Rand) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.still = time.Time{}
	switch dice.IntN(5) {
	case 0:
		c.ahead += time.Duration(dice.Int64N(int64(farthest - c.ahead + 1)))
		return "forth"
	case 1:
		c.ahead -= time.Duration(dice.Int64N(int64(farthest + c.ahead + 1)))
		return "back"
	case 2:
		c.ahead = max(-farthest, c.ahead-time.Duration(dice.Int64N(int64(time.Second))))
		return "back by less than a second"
	case 3:
		c.still = time.Now().Round(0).Add(c.ahead)
		return "stands still"
	default:
		c.still = c.first
		return "an instant again"
	}
}
