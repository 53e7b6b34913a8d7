package files

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/time/rate"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/sink"
)

// Compare reads all rows of a plan, applies the rules, and compares with the tables. It
// writes nothing.
func (l *Loader) Compare(ctx context.Context, plan *Plan) (*job.Comparison, error) {
	if len(plan.Problems) > 0 {
		return nil, plan.problem()
	}
	c := job.NewComparison()
	compared := l.deps.Progress.Count("compare with the tables", "bytes", plan.Bytes)
	e := l.newExecution("", plan.job, plan.named)
	e.wait = pace(ctx, plan.Rate)
	e.flush = func(parts []*part, _ []*lane, bytes int64) error {
		for _, p := range parts {
			changes, err := l.deps.Writer.Compare(ctx, &sink.Replacement{Part: &p.Part, Dropped: p.dropped})
			if err != nil {
				return fmt.Errorf("compare %s: %w", describe([]*sink.Part{&p.Part}), err)
			}
			c.Add(p.counts(), changes)
		}
		compared.Add(uint64(bytes))
		return nil
	}
	if err := e.all(ctx, plan.Files, plan.job.Ranges); err != nil {
		return nil, err
	}
	return c, errors.Join(e.problems...)
}

// pace is the rate of a comparison, which is no job.
func pace(ctx context.Context, limit float64) func(int) error {
	if limit <= 0 {
		return func(int) error { return context.Cause(ctx) }
	}
	limiter := rate.NewLimiter(rate.Limit(limit), stepRows)
	return func(n int) error { return limiter.WaitN(ctx, n) }
}
