package reconcile

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/wait"
)

const (
	positionsEvery  = 5 * time.Second // how often positions are asked for while the stream catches up
	tellEvery       = time.Minute     // how often it is said what is waited for
	partitionsNamed = 5               // partitions in that line
)

// settle waits until what happened by now is in the tables: for reconcile.settle,
// in which messages may still come, and then until every partition has been
// committed up to where its log ended at that moment. It has no bound of its own:
// comparing without the rest would only find what is on its way, the age of the
// last success shows that nothing gets done, and the end of ctx ends it.
//
// A partition that appears later holds nothing that was sent by then. One that has
// gone, or has been cut, is not waited for: what was lost is drift.
//
// A file may tell of nothing later than a moment long ago; then its messages have come.
func (r *Reconciler) settle(ctx context.Context, s summary) error {
	until := s.Until.Add(r.cfg.Settle)
	r.Hooks.OnProgress.Report(progress.Step{Name: "wait for late messages (reconcile.settle)", Until: until})
	if err := wait.For(ctx, until.Sub(r.Now())); err != nil {
		return err
	}
	if r.Stream == nil {
		return nil
	}
	all, err := r.Stream.Positions(ctx)
	if err != nil {
		return fmt.Errorf("wait for the stream: %w", err)
	}
	targets := map[partition]int64{}
	for _, p := range all {
		targets[p.partition()] = p.LastStable
	}
	ticker, tell := time.NewTicker(positionsEvery), time.NewTicker(tellEvery)
	defer ticker.Stop()
	defer tell.Stop()
	first := uint64(0) // offsets that were missing at most
	for {
		behind := behind(all, targets)
		missing := uint64(0)
		for _, one := range behind {
			missing += uint64(one.missing)
		}
		first = max(first, missing)
		r.Hooks.OnProgress.Report(progress.Step{Name: "wait for the consumer group to catch up", Unit: "offsets", Done: first - missing, Total: first})
		if len(behind) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tell.C:
			r.Log.Info("waiting until the stream has been ingested up to where it was when settling ended; "+
				"is pianola run at work, and does its lag fall?", zap.Int("partitions", len(behind)), zap.String("behind", told(behind)))
			continue
		case <-ticker.C:
		}
		if all, err = r.Stream.Positions(ctx); err != nil {
			return fmt.Errorf("wait for the stream: %w", err)
		}
	}
}

// partition is a partition by name.
type partition struct {
	topic  string
	number int32
}

func (p Position) partition() partition { return partition{p.Topic, p.Partition} }

// late is a partition that has not reached its target.
type late struct {
	Position
	missing int64 // offsets
}

// behind are the partitions whose committed offset is below their target. Where
// nothing was ever committed, reading begins at the start of the log. A log that
// ends below the target has been made anew, and is waited for up to its end.
func behind(all []Position, targets map[partition]int64) []late {
	var found []late
	for _, p := range all {
		at := p.Committed
		if at < 0 {
			at = p.LogStart
		}
		if target := min(targets[p.partition()], p.LastStable); at < target {
			found = append(found, late{p, target - at})
		}
	}
	return found
}

// told names a few partitions and how many offsets each has to go.
func told(behind []late) string {
	var parts []string
	for i, one := range behind {
		if i == partitionsNamed {
			parts = append(parts, fmt.Sprintf("and %d more", len(behind)-partitionsNamed))
			break
		}
		parts = append(parts, fmt.Sprintf("%s/%d by %d", one.Topic, one.Partition, one.missing))
	}
	return strings.Join(parts, ", ")
}
