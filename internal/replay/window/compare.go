package window

import (
	"context"
	"fmt"

	"golang.org/x/time/rate"

	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// Compare reads all messages of a plan, applies the rules, and compares with the tables. It
// writes nothing.
func (r *Replayer) Compare(ctx context.Context, plan *Plan) (*job.Comparison, error) {
	opened, err := r.open(ctx, plan.job.Ranges)
	defer opened.close()
	if err != nil {
		return nil, err
	}
	c := job.NewComparison()
	d := r.comparing(opened, plan.job, func(part *sink.Part, changes sink.Changes) {
		c.Add(countsOf(&part.Ledger), changes)
	})
	d.removed = func(_ context.Context, gone job.Range) error {
		c.AddRemoved(uint64(gone.To - gone.From))
		return nil
	}
	d.read = r.deps.Progress.Count("compare with the tables", "messages", plan.Messages)
	if err := d.all(ctx, plan.job.Ranges); err != nil {
		return nil, err
	}
	return c, nil
}

// comparing is a pass that compares each chunk.
func (r *Replayer) comparing(opened topics, plan job.Plan, compared func(*sink.Part, sink.Changes)) *reading {
	return &reading{
		r: r, topics: opened, filter: plan.Filter, maxRows: r.deps.MaxRows, wait: pace(plan.Rate), known: newKnownRecords(),
		flush: func(ctx context.Context, chunk *pipeline.Reprocessor) error {
			part := chunk.Part()
			changes, err := r.deps.Writer.Compare(ctx, &sink.Replacement{Part: part, Dropped: chunk.Dropped()})
			if err != nil {
				return fmt.Errorf("compare %s: %w", chunkName(&part.Ledger), err)
			}
			compared(part, changes)
			return nil
		},
	}
}

// pace is the rate of a pass without a job.
func pace(limit float64) func(context.Context, int) error {
	if limit <= 0 {
		limit = float64(rate.Inf)
	}
	return rate.NewLimiter(rate.Limit(limit), holdRows).WaitN
}

// countsOf are the counts of a chunk.
func countsOf(l *schemas.LedgerRow) job.Counts {
	return job.Counts{job.Messages: l.Messages, job.Stored: l.Stored, job.Filtered: l.Filtered, job.DeadLettered: l.DeadLettered, job.Skipped: l.Skipped}
}

// chunkName names a chunk in errors and logs.
func chunkName(l *schemas.LedgerRow) string {
	return job.Range{Name: l.Name, Epoch: l.Epoch, Partition: l.Partition, From: l.StartOffset, To: l.NextOffset}.String()
}
