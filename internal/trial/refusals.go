package trial

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world"
)

// refusing makes one mistake after the other. Each has to stop the process, which
// leaves nothing behind that is not in the tables; then it is put right.
type refusing struct {
	*round
	mischief *mischief
	revoked  statement // whose grant was taken away last
	consumer *process
	faults   int
	// early are dead letters that were written before the ledger could be.
	early map[world.Position]bool
}

func refusals(ctx context.Context, r *round, b bounds) (int, error) {
	x := &refusing{round: r, early: map[world.Position]bool{}}
	var stop func()
	x.mischief, stop = r.mischief()
	defer stop()
	err := x.run(ctx, b)
	r.truth = r.world.TruthWithRejected(r.refused.places)
	return x.faults, err
}

// enough is what must be left of the world for a mistake to be noticed.
const enough = 400

func (x *refusing) run(ctx context.Context, b bounds) error {
	const workMost = 100 * time.Millisecond
	var deck []mistake
	for !b.reached(x.faults) {
		if x.consumer == nil {
			var err error
			if x.consumer, err = x.start("consumer"); err != nil {
				return err
			}
		}
		before, err := x.covered(ctx)
		if err != nil {
			return err
		}
		if done, err := x.advance(ctx, before, x.consumer); err != nil || done {
			return err
		}
		if err := x.pause(ctx, workMost); err != nil {
			return err
		}
		if before, err = x.covered(ctx); err != nil || x.all(before+enough) {
			return err
		}
		if len(deck) == 0 {
			deck = mistakes()
			x.dice.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		if noticed, err := x.mistake(ctx, &deck[0]); err != nil || !noticed {
			return err
		}
		x.faults++
		x.tally[deck[0].name]++
		deck = deck[1:]
	}
	return nil
}

// mistake makes one, looks at what comes of it and puts it right. noticed is false
// where the world was over before.
func (x *refusing) mistake(ctx context.Context, m *mistake) (noticed bool, err error) {
	p := x.consumer
	if m.environment != nil {
		if p, err = x.startedWrong(ctx, m.environment(x)); err != nil {
			return false, err
		}
	}
	if m.wrong != nil {
		if err := m.wrong(ctx, x); err != nil {
			return false, err
		}
	}
	noticed, err = x.stopped(ctx, p)
	if err != nil {
		return false, fmt.Errorf("%s: %w", m.name, err)
	}
	if noticed {
		x.consumer = nil
		if err := x.lastWords(p, m.says(x)); err != nil {
			return false, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if err := x.nothingLeft(ctx, m); err != nil {
		return false, fmt.Errorf("%s: %w", m.name, err)
	}
	if m.right != nil {
		return noticed, m.right(ctx, x)
	}
	return noticed, nil
}

// startedWrong ends the consumer in order and starts one with a mistake in its
// environment.
func (x *refusing) startedWrong(ctx context.Context, variable string) (*process, error) {
	x.consumer.terminate()
	if err := x.consumer.drained(ctx); err != nil {
		return nil, err
	}
	// Of a variable that is there twice the last one holds.
	p, err := startProcess(x.stage.binary, "mistaken", append(x.environment("mistaken"), variable), &journal{generations: &x.generations})
	if err == nil {
		x.running = append(x.running, p)
	}
	return p, err
}

// stopped waits for a process to end by itself; false says that there was nothing
// more to be read before it did.
func (x *refusing) stopped(ctx context.Context, p *process) (ended bool, err error) {
	err = x.until(ctx, "the process to stop", nil, func(ctx context.Context) (bool, error) {
		select {
		case <-p.ended:
			ended = true
			return true, nil
		default:
		}
		now, err := x.covered(ctx)
		return x.all(now), err
	})
	if err != nil {
		err = fmt.Errorf("%w: its last lines:\n%s", err, p.journal.tail())
	}
	return ended, err
}

// lastWords are the exit status and the last line of a process.
func (x *refusing) lastWords(p *process, want []string) error {
	lines := strings.Split(strings.TrimSpace(p.journal.tail()), "\n")
	last := lines[len(lines)-1]
	var errs []error
	if status := p.command.ProcessState.ExitCode(); status != 1 {
		errs = append(errs, fmt.Errorf("exit status %d, want 1", status))
	}
	for _, words := range want {
		if !strings.Contains(last, words) {
			errs = append(errs, fmt.Errorf("the last line does not say %q", words))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: its last lines:\n%s", err, p.journal.tail())
	}
	return nil
}
