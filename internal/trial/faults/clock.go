package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/internal/trial/tcpproxy"
)

// Clock sets the wall clock of a service.
func Clock() harness.Trial {
	return harness.Trial{Name: "clock", Fault: "jump of the clock", Times: 40, Proxied: true, New: func(r *harness.Round) harness.Scenario {
		return harness.Scenario{Run: (&clock{Round: r, wall: newSetClock()}).run}
	}}
}

type clock struct {
	*harness.Round
	wall *setClock
}

// run sets the clock forward and back by hours, stops it, or repeats an instant, while a
// service works and between two services. At one of three jumps answers of ClickHouse
// are lost too, so that the service repeats inserts that may have been stored. Between
// services the group is moved back, so that messages are decided again, perhaps at an
// earlier time than before. Dead letters are redriven by a process with the right clock.
// The last decision about a message must win, at any time that the clock shows.
func (s *clock) run(ctx context.Context, b harness.Bounds) (int, error) {
	const jumpsPerService = 8
	faults := 0
	for over := false; !over && !b.Reached(faults); {
		p, end, err := s.StartInProcess(ctx, s.wall.now)
		if err != nil {
			return faults, err
		}
		for n := 0; err == nil && n < jumpsPerService && !b.Reached(faults); n++ {
			if err = s.jump(ctx, p); err == nil {
				faults++
			}
		}
		if over = errors.Is(err, harness.ErrOver); over {
			err = nil
		}
		if err = errors.Join(err, end()); err == nil {
			err = s.decideAgain(ctx)
		}
		if err != nil {
			return faults, err
		}
		s.Count(s.wall.jump(s.Dice)+", between two services", 1)
	}
	return faults, nil
}

// jump sets the clock once the service has flushed something since the last time.
func (s *clock) jump(ctx context.Context, p *harness.Process) error {
	const maxSilence = 1500 * time.Millisecond // an insert is bounded by 1 s
	before, err := s.Covered(ctx)
	if err == nil {
		err = s.Advance(ctx, before, p)
	}
	if err != nil {
		return err
	}
	if s.Dice.IntN(3) > 0 {
		s.Count(s.wall.jump(s.Dice), 1)
		return nil
	}
	return s.Proxy.While(ctx, tcpproxy.AnswersVanish, func() error {
		s.Count(s.wall.jump(s.Dice), 1)
		s.Count("and answers vanished", 1)
		return s.Pause(ctx, maxSilence)
	})
}

// decideAgain moves the group back, so that the next service reads again what this one
// has read, and has the dead letters redriven.
func (s *clock) decideAgain(ctx context.Context) error {
	const most = 200
	to, err := s.Offsets(ctx)
	if err != nil {
		return err
	}
	for p, at := range to {
		to[p] = max(min(at, 0), at-s.Dice.Int64N(most))
	}
	if err := s.MoveGroup(ctx, to); err != nil {
		return err
	}
	return s.redrive(ctx)
}

// redrive has every dead letter tried once more by `pianola dlq redrive`, whose clock is
// the system's. All of them fail again, so each has one attempt more. A decision that
// bore the time of that clock alone would lose against one that a faster clock has dated.
func (s *clock) redrive(ctx context.Context) error {
	letters, before, err := s.attempts(ctx)
	if err != nil || letters == 0 {
		return err
	}
	if _, err := s.Pianola(ctx, harness.StatusFound, "dlq", "redrive", "--execute"); err != nil {
		return err
	}
	_, after, err := s.attempts(ctx)
	if err == nil && after != before+letters {
		err = fmt.Errorf("%d dead letters had %d attempts, and after one more %d", letters, before, after)
	}
	s.Count("and dead letters redriven", 1)
	return err
}

// attempts counts the dead letters and how often they have been tried, as readers see
// them.
func (s *clock) attempts(ctx context.Context) (letters, attempts uint64, err error) {
	err = s.Conn.QueryRow(ctx, "SELECT count(), sum(attempts) FROM dead_letters FINAL").Scan(&letters, &attempts)
	return letters, attempts, err
}

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
