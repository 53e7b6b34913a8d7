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
			s := withPair(r, harness.FaultLoop{MaxWork: 300 * time.Millisecond, Strike: func(ctx context.Context) (int, error) {
				o := deck.Draw()
				if err := o.strike(ctx, r); err != nil {
					return 0, fmt.Errorf("%s: %w", o.name, err)
				}
				r.Count(o.name, 1)
				return 1, nil
			}})
			s.Publish = r.TruthFromLog(r.PublishBacklog)
			return s
		}}
}

// outage is one way in which a server is down for a time. It runs again when strike
// returns.
type outage struct {
	name   string
	strike func(context.Context, *harness.Round) error
}

var brokerOutages = []outage{
	{"restarted in order", func(ctx context.Context, r *harness.Round) error {
		if err := r.Env.Broker.Apache.Stop(); err != nil {
			return err
		}
		return r.Env.Broker.Apache.Restart(ctx)
	}},
	{"killed and started again", func(ctx context.Context, r *harness.Round) error {
		r.Env.Broker.Apache.Kill()
		return r.Env.Broker.Apache.Restart(ctx)
	}},
	// For up to several times the bounds of sessions and requests.
	{"hung", func(ctx context.Context, r *harness.Round) error {
		if err := r.Env.Broker.Apache.Pause(); err != nil {
			return err
		}
		return errors.Join(r.Pause(ctx, 5*time.Second), r.Env.Broker.Apache.Resume())
	}},
}
