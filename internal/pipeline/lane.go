package pipeline

import (
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
)

// A lane adds at most this much while it holds its part, so that the flusher
// never waits long for the part.
const (
	holdRows  = 1024
	holdBytes = 1 << 20
)

// fetchBudget bounds the fetch responses of all lanes together: each lane keeps
// one between two fetches. minFetch is the smallest fetch worth a request.
const (
	fetchBudget = 32 << 20
	minFetch    = 64 << 10
)

// unreadable maps an error of the reader: errRejoin when the next assignment
// check has to decide, and otherwise the error that stops the flow.
func (l *lane) unreadable(f *Flow, position int64, err error) error {
	switch {
	case errors.Is(err, consumer.ErrOffsetOutOfRange):
		// Retention removed records while we read. The next assignment check
		// counts the loss and decides how to continue.
		f.log.Warn("offset out of range, rejoining the group", zap.String("topic", l.topic),
			zap.Int32("partition", l.partition), zap.Int64("offset", position), zap.Error(err))
		return errRejoin
	case errors.Is(err, consumer.ErrTopicRecreated):
		// The topic may have been recreated and have grown past our position.
		// Only the assignment check can tell.
		f.log.Warn("topic missing or recreated, rejoining the group", zap.Error(err))
		return errRejoin
	default:
		return fmt.Errorf("read %s/%d: %w", l.topic, l.partition, err)
	}
}
