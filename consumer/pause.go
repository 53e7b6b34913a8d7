package consumer

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// pause waits between tries: from a tenth of a second, by doubling, to five
// seconds, each with some chance in it so that members do not march in step.
type pause struct{ backoff.ExponentialBackOff }

func newPause() *pause {
	return &pause{backoff.ExponentialBackOff{
		InitialInterval:     100 * time.Millisecond,
		RandomizationFactor: 0.3,
		Multiplier:          2,
		MaxInterval:         5 * time.Second,
	}}
}

// reset begins again with the shortest wait.
func (p *pause) reset() { p.Reset() }

// wait waits its turn, or until ctx ends, whose error it gives.
func (p *pause) wait(ctx context.Context) error {
	timer := time.NewTimer(p.NextBackOff())
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
