package consumer

import (
	"context"
	"slices"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

// maxParallelLookups bounds the partitions that are looked up at the same time.
const maxParallelLookups = 8

// assignments looks up the log range of every assigned partition. It retries
// until ctx ends: without the range, lost messages would go unnoticed.
func (c *Consumer) assignments(ctx context.Context, group *kafka.Generation) ([]Assignment, error) {
	var all []Assignment
	for _, topic := range c.cfg.Topics {
		start := len(all)
		for _, p := range group.Assignments[topic] {
			committed := p.Offset
			if committed < 0 {
				committed = -1 // kafka-go sets StartOffset here
			}
			all = append(all, Assignment{Topic: topic, Partition: int32(p.ID), Committed: committed})
		}
		slices.SortFunc(all[start:], func(a, b Assignment) int { return int(a.Partition - b.Partition) })
	}
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.SetLimit(maxParallelLookups)
	for i := range all {
		tasks.Go(func() error { return c.lookUp(ctx, &all[i]) })
	}
	if err := tasks.Wait(); err != nil {
		return nil, err
	}
	return all, nil
}

// Refresh updates what a says about the log; the committed offset stays. It
// retries until ctx ends. The error is ctx's.
func (c *Consumer) Refresh(ctx context.Context, a *Assignment) error { return c.lookUp(ctx, a) }

// lookUp fills in what the partition leader knows.
func (c *Consumer) lookUp(ctx context.Context, a *Assignment) error {
	pause := newPause()
	for {
		layout := c.transport.current()
		err := c.ends(ctx, a)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		kind := classify(err)
		c.hooks.fetchError(a.Topic, a.Partition, kind)
		c.log.Warn("log range lookup failed, retrying", zap.String("topic", a.Topic), zap.Int32("partition", a.Partition),
			zap.String("kind", string(kind)), zap.Error(err))
		if err := pause.wait(ctx); err != nil {
			return err
		}
		if needsMetadata(kind) {
			c.transport.forget(layout)
		}
	}
}

func (c *Consumer) ends(ctx context.Context, a *Assignment) (err error) {
	if a.LogStart, a.HighWatermark, err = c.logRange(ctx, a.Topic, a.Partition); err != nil {
		return err
	}
	a.LastStable, err = c.listOffset(ctx, a.Topic, a.Partition, latest, ReadCommitted)
	return err
}
