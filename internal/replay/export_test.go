package replay

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
)

// Cursor is a cursor of its own, without a redrive around it.
type Cursor struct{ c cursor }

// OpenCursor opens the topic as well; Close closes both.
func OpenCursor(ctx context.Context, cfg consumer.Config, name string, partition int32, timeout time.Duration) (*Cursor, error) {
	t, err := openTopic(ctx, cfg, name, timeout, zap.NewNop())
	if err != nil {
		return nil, err
	}
	return &Cursor{cursor{topic: t, partition: partition}}, nil
}

// Find gives the offset of the record found.
func (c *Cursor) Find(ctx context.Context, offset int64) (int64, Cause, error) {
	record, cause, err := c.c.find(ctx, offset)
	return record.Offset, cause, err
}

// Close closes cursor and topic.
func (c *Cursor) Close() {
	c.c.close()
	c.c.topic.Close()
}
