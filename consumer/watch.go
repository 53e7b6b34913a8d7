package consumer

import (
	"context"
	"maps"
	"sync"
	"time"

	"go.uber.org/zap"
)

// topics is what Run knows of its topics: how many partitions each had when it
// was last looked, or assigned from by this member: always before the current
// generation began. So no change between the look and the join is missed; at worst
// one is seen twice and costs a rebalance.
type topics struct {
	mu     sync.Mutex
	counts map[string]int
}

// known gives the last look.
func (t *topics) known() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

// changed takes over a new look and says whether it differs.
func (t *topics) changed(counts map[string]int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if maps.Equal(t.counts, counts) {
		return false
	}
	t.counts = counts
	return true
}

// look asks for the topics and says whether they have changed since the last
// look. Where it cannot be told, they have not: the generation's own connection
// shows whether the cluster is there.
func (c *Consumer) look(ctx context.Context, t *topics) bool {
	counts, err := c.partitionCounts(ctx)
	if err != nil {
		if ctx.Err() == nil {
			c.hooks.groupError(classify(err))
			c.log.Warn("topics cannot be looked at", zap.Error(err))
		}
		return false
	}
	if err := c.missing(counts); err != nil {
		c.hooks.groupError(KindTopic)
		c.log.Error("topic is gone", zap.Error(err))
	}
	return t.changed(counts)
}

// watch returns when a topic has got other partitions, or the generation ends.
func (c *Consumer) watch(ctx context.Context, t *topics) {
	ticker := time.NewTicker(c.cfg.MetadataInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if c.look(ctx, t) {
				c.log.Info("partitions of a topic have changed")
				return
			}
		}
	}
}

// awaitTopics returns when a broker answers and all topics exist, or with ctx's
// error. It says what is wrong each time it looks, at most every few seconds.
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
		c.log.Error("kafka is not ready to be read", zap.Error(err))
		if err := pause.wait(ctx); err != nil {
			return nil, err
		}
	}
}
