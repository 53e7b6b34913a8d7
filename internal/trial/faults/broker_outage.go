package faults

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/trial/harness"
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
