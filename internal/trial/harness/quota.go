package harness

import (
	"context"
	"math"
	"sync/atomic"
)

// Quota is how many messages of the world the publisher may send, where the scenario
// decides that as it runs. The zero value allows none.
type Quota struct{ max atomic.Int64 }

// Add allows so many messages more.
func (q *Quota) Add(messages int64) { q.max.Add(messages) }

// Lift allows all that are left. Add must not be called after it.
func (q *Quota) Lift() { q.max.Store(math.MaxInt64) }

// Publisher sends the messages of a round as the quota allows.
func (q *Quota) Publisher(r *Round) func(context.Context) error {
	return func(ctx context.Context) error {
		r.SetTruth(r.truth)
		return r.PublishWhen(ctx, func(sent int64) (bool, error) { return sent < q.max.Load(), nil })
	}
}
