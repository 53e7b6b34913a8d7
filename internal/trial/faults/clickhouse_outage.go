package faults

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/internal/wait"
	"github.com/pianola/pianola/sink"
)

// sessionTimeout is the group's in this trial. It is long, so that a busy machine does
// not cost a member its place, which would say nothing about ClickHouse.
const sessionTimeout = 8 * time.Second

// ClickHouseOutage kills, stops and pauses ClickHouse while a consumer works. ClickHouse
// returns with its data. The consumer has to survive it as a member of the same
// generation: an outage of ClickHouse must never become a rebalance.
func ClickHouseOutage() harness.Trial {
	return harness.Trial{Name: "server", Fault: "ClickHouse gone", Times: 24, ClickHouse: harness.OwnClickHouse,
		// Batches are small, so that a world lasts.
		Settings: map[string]string{"kafka.session_timeout": sessionTimeout.String(), "kafka.request_timeout": sessionTimeout.String(), "batch.max_rows": "100"},
		New: func(r *harness.Round) harness.Scenario {
			return harness.Scenario{Run: (&clickHouseOutage{Round: r}).run}
		}}
}

type clickHouseOutage struct {
	*harness.Round
	consumer *harness.Process
	hangs    int
}

// clickHouseOutages are the three ways. strike returns when ClickHouse answers again.
var clickHouseOutages = []struct {
	name   string
	strike func(*clickHouseOutage, context.Context) error
}{
	{"killed", func(s *clickHouseOutage, ctx context.Context) error { return s.down(ctx, s.ClickHouse.Kill) }},
	{"ended in order", func(s *clickHouseOutage, ctx context.Context) error { return s.down(ctx, s.ClickHouse.Stop) }},
	{"hung", (*clickHouseOutage).hang},
}

func (s *clickHouseOutage) run(ctx context.Context, b harness.Bounds) (faults int, err error) {
	if s.consumer, err = s.Start("consumer"); err != nil {
		return 0, err
	}
	deck := harness.Shuffled(s.Dice, clickHouseOutages...)
	faults, err = s.CauseFaults(ctx, b, harness.FaultLoop{
		Processes: []*harness.Process{s.consumer},
		MinLeft:   500, // a hang needs an insert to hit
		Strike: func(ctx context.Context) (int, error) {
			if err := s.oneGeneration(); err != nil {
				return 0, err
			}
			o := deck.Draw()
			if err := o.strike(s, ctx); err != nil {
				return 0, fmt.Errorf("ClickHouse %s: %w", o.name, err)
			}
			s.Count(o.name, 1)
			return 1, nil
		},
	})
	if err != nil {
		return faults, err
	}
	if err := s.oneGeneration(); err != nil {
		return faults, err
	}
	return faults, s.consumer.Drain(ctx)
}

// down ends the server at a random moment, and starts it again after a random time.
func (s *clickHouseOutage) down(ctx context.Context, end func() error) error {
	const maxDown = 1500 * time.Millisecond
	if err := s.Pause(ctx, maxWork); err != nil {
		return err
	}
	if err := end(); err != nil {
		return err
	}
	if err := s.Pause(ctx, maxDown); err != nil {
		return err
	}
	return s.ClickHouse.Restart(ctx)
}

// hang pauses ClickHouse until the consumer has abandoned an insert, which it has to do
// by itself, and then for some time more. Every third hang is longer than the session
// timeout.
func (s *clickHouseOutage) hang(ctx context.Context) error {
	before := s.consumer.Logged(sink.LogAttemptFailed)
	if err := s.ClickHouse.Pause(); err != nil {
		return err
	}
	err := s.Until(ctx, "an insert given up while ClickHouse hangs", []*harness.Process{s.consumer}, func(context.Context) (bool, error) {
		return s.consumer.Logged(sink.LogAttemptFailed) > before, nil
	})
	if s.hangs++; err == nil && s.hangs%3 == 0 {
		s.Count("and longer than a session", 1)
		err = wait.For(ctx, sessionTimeout+500*time.Millisecond)
	} else if err == nil {
		err = s.Pause(ctx, 1500*time.Millisecond)
	}
	return errors.Join(err, s.ClickHouse.Resume())
}

// oneGeneration is an error where the only consumer has been in more than one generation.
func (s *clickHouseOutage) oneGeneration() error {
	if n := s.Generations(); n > 1 {
		return fmt.Errorf("an outage of ClickHouse became a rebalance: %d generations of a group with one member: its last lines:\n%s", n, s.consumer.Tail())
	}
	return nil
}
