package consumer

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// pause is the back-off between retries: 100 ms, doubled up to 5 s, with jitter.
type pause struct{ backoff.ExponentialBackOff }

func newPause() *pause {
	return &pause{backoff.ExponentialBackOff{
		InitialInterval:     100 * time.Millisecond,
		RandomizationFactor: 0.3,
		Multiplier:          2,
		MaxInterval:         5 * time.Second,
	}}
}

// reset starts again with the shortest wait.
func (p *pause) reset() { p.Reset() }

// wait sleeps for the next interval. The error is ctx's.
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
