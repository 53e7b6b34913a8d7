package window

import (
	"context"

	"github.com/pianola/pianola/internal/replay/job"
)

// MaxTorn is for tests of the scan that continues.
const MaxTorn = maxTorn

// Unclaimed is where the scan of a job continues.
func (r *Replayer) Unclaimed(ctx context.Context, run *job.Run) ([]job.Range, error) {
	return (&claims{execution: &execution{Replayer: r, run: run}}).unclaimed(ctx)
}
