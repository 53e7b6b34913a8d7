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
	positionsInterval  = 5 * time.Second // between two reads of positions while the group catches up
	waitLogInterval    = time.Minute     // between two log lines about the wait
	maxPartitionsNamed = 5               // in such a line
)

// settle waits until the tables hold everything that happened before this moment. It
// waits for reconcile.settle, in which late messages may arrive, and then until the
// group has committed every partition up to where its log ended at that time. What waits
// for an open transaction is part of the log: it may be committed, and then it happened
// before. The wait has no limit of its own: a comparison without these messages would
// find only what is on its way. The age of the last success shows that nothing
// completes; ctx ends the wait.
//
// A partition that appears later holds nothing from before. One that is gone or was
// truncated is not waited for: what was lost is drift. A file that describes a moment
// long ago needs no wait.
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
		return fmt.Errorf("wait for the consumer group: %w", err)
	}
	targets := map[partition]int64{}
	for _, p := range all {
		targets[p.partition()] = p.LogEnd
	}
	ticker, logTicker := time.NewTicker(positionsInterval), time.NewTicker(waitLogInterval)
	defer ticker.Stop()
	defer logTicker.Stop()
	total := uint64(0) // the largest lag
	for {
		lagging := laggingPartitions(all, targets)
		lag := uint64(0)
		for _, one := range lagging {
			lag += uint64(one.lag)
		}
		total = max(total, lag)
		r.Hooks.OnProgress.Report(progress.Step{Name: "wait for the consumer group to catch up", Unit: "offsets", Done: total - lag, Total: total})
		if len(lagging) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-logTicker.C:
			r.Log.Info("waiting for the consumer group to catch up (is `pianola run` running, and is its lag falling?)",
				zap.Int("partitions", len(lagging)), zap.String("behind", describe(lagging)))
			continue
		case <-ticker.C:
		}
		if all, err = r.Stream.Positions(ctx); err != nil {
			return fmt.Errorf("wait for the consumer group: %w", err)
		}
	}
}

// partition names a partition.
type partition struct {
	topic  string
	number int32
}

func (p Position) partition() partition { return partition{p.Topic, p.Partition} }

// laggingPartition has not reached its target.
type laggingPartition struct {
	Position
	lag     int64 // offsets
	blocked bool  // by an open transaction: the group has read what it may
}

// laggingPartitions are those whose committed offset is below their target. Without a
// committed offset reading starts at the start of the log. A log that ends below the
// target belongs to a recreated topic: its target is the end of the log.
func laggingPartitions(all []Position, targets map[partition]int64) []laggingPartition {
	var lagging []laggingPartition
	for _, p := range all {
		at := p.Committed
		if at < 0 {
			at = p.LogStart
		}
		if target := min(targets[p.partition()], p.LogEnd); at < target {
			lagging = append(lagging, laggingPartition{p, target - at, at >= p.LastStable})
		}
	}
	return lagging
}

// describe names a few partitions, each with its lag and an open transaction.
func describe(lagging []laggingPartition) string {
	var parts []string
	for i, one := range lagging {
		if i == maxPartitionsNamed {
			parts = append(parts, fmt.Sprintf("and %d more", len(lagging)-maxPartitionsNamed))
			break
		}
		part := fmt.Sprintf("%s/%d by %d", one.Topic, one.Partition, one.lag)
		if one.blocked {
			part += fmt.Sprintf(" (an open transaction from offset %d on)", one.LastStable)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}
