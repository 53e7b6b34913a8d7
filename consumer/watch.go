package consumer

import (
	"context"
	"maps"
	"sync"
	"time"

	"go.uber.org/zap"
)

// topics is the number of partitions of each topic at the last metadata check or
// assignment by this member: always before the current generation. So no change
// between the check and the join is missed. At worst one is seen twice and costs
// a rebalance.
type topics struct {
	mu     sync.Mutex
	counts map[string]int
}

// known returns the last counts.
func (t *topics) known() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

// changed stores new counts and reports whether they differ.
func (t *topics) changed(counts map[string]int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if maps.Equal(t.counts, counts) {
		return false
	}
	t.counts = counts
	return true
}

// look reads the topics' metadata and reports whether partitions have changed.
// After an error it reports no change: the generation's own connection shows
// whether the cluster is available.
func (c *Consumer) look(ctx context.Context, t *topics) bool {
	counts, err := c.partitionCounts(ctx)
	if err != nil {
		if ctx.Err() == nil {
			c.hooks.groupError(classify(err))
			c.log.Warn("topic metadata request failed", zap.Error(err))
		}
		return false
	}
	if err := c.missing(counts); err != nil {
		c.hooks.groupError(KindTopic)
		c.log.Error("topic missing", zap.Error(err))
	}
	return t.changed(counts)
}

// watch returns when the partitions of a topic have changed, or the generation
// ends.
func (c *Consumer) watch(ctx context.Context, t *topics) {
	ticker := time.NewTicker(c.cfg.MetadataInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if c.look(ctx, t) {
				c.log.Info("topic partitions changed, rejoining the group")
				return
			}
		}
	}
}

// awaitTopics returns when a broker answers and all topics exist, or with ctx's
// error. It logs the reason at each try, at most every few seconds.
func (c *Consumer) awaitTopics(ctx context.Context) (map[string]int, error) {
	pause := newPause()
	for {
		counts, err := c.partitionCounts(ctx)
		if err == nil {
			err = c.missing(counts)
		}
		if err == nil {
			return counts, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		c.hooks.groupError(classify(err))
		c.log.Error("kafka not ready, retrying", zap.Error(err))
		if err := pause.wait(ctx); err != nil {
			return nil, err
		}
	}
}
