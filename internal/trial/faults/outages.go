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

// BrokerOutage stops, kills and pauses Apache Kafka while two consumers work, which have
// to survive it. The broker returns on the same ports and with the same data. The
// publisher continues all the time, and repeats what was not acknowledged.
func BrokerOutage() harness.Trial {
	return harness.Trial{Name: "broker", Fault: "restart, kill -9 or hang of the broker", Times: 12, Kafka: harness.Apache,
		New: func(r *harness.Round) harness.Scenario {
			deck := harness.Shuffled(r.Dice, brokerOutages...)
			loop := harness.FaultLoop{Pair: true, MaxWork: 300 * time.Millisecond, Strike: func(ctx context.Context) (int, error) {
				return deck.Draw().cause(ctx, r)
			}}
			return harness.Scenario{Run: r.CauseFaults(loop), Publish: r.TruthFromLog(r.PublishBacklog)}
		}}
}

// outage is one way in which a server is down for a time. It runs again when strike
// returns.
type outage struct {
	name   string
	strike func(context.Context, *harness.Round) error
}

// cause causes the outage and counts it.
func (o outage) cause(ctx context.Context, r *harness.Round) (int, error) {
	if err := o.strike(ctx, r); err != nil {
		return 0, fmt.Errorf("%s: %w", o.name, err)
	}
	r.Count(o.name, 1)
	return 1, nil
}

var brokerOutages = []outage{
	{"restarted in order", func(ctx context.Context, r *harness.Round) error {
		return errors.Join(r.Env.Broker.Apache.Stop(), r.Env.Broker.Apache.Restart(ctx))
	}},
	{"killed and started again", func(ctx context.Context, r *harness.Round) error {
		r.Env.Broker.Apache.Kill()
		return r.Env.Broker.Apache.Restart(ctx)
	}},
	// For up to several times the bounds of sessions and requests.
	{"hung", func(ctx context.Context, r *harness.Round) error {
		return errors.Join(r.Env.Broker.Apache.Pause(), r.Pause(ctx, 5*time.Second), r.Env.Broker.Apache.Resume())
	}},
}

// sessionTimeout is the group's in this trial. It is long, so that a busy machine does
// not cost a member its place, which would say nothing about ClickHouse.
const sessionTimeout = 8 * time.Second

// ClickHouseOutage kills, stops and pauses ClickHouse while a consumer works. ClickHouse
// returns with its data. The consumer has to survive it as a member of the same
// generation: an outage of ClickHouse must never become a rebalance.
func ClickHouseOutage() harness.Trial {
	return harness.Trial{Name: "server", Fault: "ClickHouse gone", Times: 24, ClickHouse: harness.OwnClickHouse(harness.Access(harness.Grants("*"))),
		// Batches are small, so that a world lasts.
		Settings: map[string]string{"kafka.session_timeout": sessionTimeout.String(), "kafka.request_timeout": sessionTimeout.String(), "batch.max_rows": "100"},
		New: func(r *harness.Round) harness.Scenario {
			deck := harness.Shuffled(r.Dice, append(clickHouseOutages, outage{"hung", longHang()})...)
			return harness.Scenario{Run: r.CauseFaults(harness.FaultLoop{
				MinLeft: 500, // a hang needs an insert to hit
				Strike: func(ctx context.Context) (int, error) {
					if err := oneGeneration(r); err != nil {
						return 0, err
					}
					return deck.Draw().cause(ctx, r)
				},
				End: func(context.Context) error { return oneGeneration(r) },
			})}
		}}
}

// clickHouseOutages are those in which the server ends, at a random moment.
var clickHouseOutages = []outage{
	{"killed", func(ctx context.Context, r *harness.Round) error { return down(ctx, r, r.ClickHouse.Kill) }},
	{"ended in order", func(ctx context.Context, r *harness.Round) error { return down(ctx, r, r.ClickHouse.Stop) }},
}

// maxDown is how long ClickHouse is gone.
const maxDown = 1500 * time.Millisecond

// down ends the server at a random moment, and starts it again after a random time.
func down(ctx context.Context, r *harness.Round, end func() error) error {
	return harness.InOrder(ctx,
		func(ctx context.Context) error { return r.Pause(ctx, maxWork) },
		func(context.Context) error { return end() },
		func(ctx context.Context) error { return r.Pause(ctx, maxDown) },
		r.ClickHouse.Restart)
}

// longHang pauses ClickHouse until the consumer has abandoned an insert, which it has to do
// by itself, and then for some time more. Every third hang is longer than the session
// timeout.
func longHang() func(context.Context, *harness.Round) error {
	hangs := 0
	return func(ctx context.Context, r *harness.Round) error {
		before := r.Consumer.Logged(sink.LogAttemptFailed)
		if err := r.ClickHouse.Pause(); err != nil {
			return err
		}
		err := r.Until(ctx, "an insert given up while ClickHouse hangs", []*harness.Process{r.Consumer}, func(context.Context) (bool, error) {
			return r.Consumer.Logged(sink.LogAttemptFailed) > before, nil
		})
		if hangs++; err == nil && hangs%3 == 0 {
			r.Count("and longer than a session", 1)
			err = wait.For(ctx, sessionTimeout+500*time.Millisecond)
		} else if err == nil {
			err = r.Pause(ctx, maxDown)
		}
		return errors.Join(err, r.ClickHouse.Resume())
	}
}

// oneGeneration is an error where the only consumer has been in more than one generation.
func oneGeneration(r *harness.Round) error {
	if n := r.Generations(); n > 1 {
		return fmt.Errorf("an outage of ClickHouse became a rebalance: %d generations of a group with one member: its last lines:\n%s", n, r.Consumer.Tail())
	}
	return nil
}
