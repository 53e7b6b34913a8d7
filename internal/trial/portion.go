package trial

import (
	"context"
	"math"
	"sync/atomic"
)

// portion is how much of the world may be told, where the trial deals it out.
type portion struct{ most atomic.Int64 }

// more deals out so many messages more.
func (p *portion) more(messages int64) { p.most.Add(messages) }

// everything deals out all that is left. Nothing is dealt out after it.
func (p *portion) everything() { p.most.Store(math.MaxInt64) }

// tellInPortions sends what has been dealt out.
func tellInPortions(ctx context.Context, r *round) error {
	r.ends.Store(&r.truth.Ends)
	return r.tellWhen(ctx, func(sent int64) (bool, error) { return sent < r.portion.most.Load(), nil })
}
