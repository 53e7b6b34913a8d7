package pipeline

import (
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
)

// A lane takes in at most this much while it holds its part, so that the
// flusher never waits long for it.
const (
	holdRows  = 1024
	holdBytes = 1 << 20
)

// fetchBudget bounds the fetch responses of all lanes together, which each keeps
// between two fetches; minFetch is still worth a request.
const (
	fetchBudget = 32 << 20
	minFetch    = 64 << 10
)

// unreadable says what an error of the reader means for the generation: errRejoin
// where the next assignment check has to judge it, and otherwise what makes the
// whole flow stop.
func (l *lane) unreadable(f *Flow, position int64, err error) error {
	switch {
	case errors.Is(err, consumer.ErrOffsetOutOfRange):
		// Retention has passed us while we read: the next assignment check
		// counts what is lost and knows what to do about it.
		f.log.Warn("the position is out of range", zap.String("topic", l.topic),
			zap.Int32("partition", l.partition), zap.Int64("offset", position), zap.Error(err))
		return errRejoin
	case errors.Is(err, consumer.ErrTopicRecreated):
		// It may have been made anew, and grown beyond our position: only
		// the assignment check can tell.
		f.log.Warn("the topic was gone for a while", zap.Error(err))
		return errRejoin
	default:
		return fmt.Errorf("read %s/%d: %w", l.topic, l.partition, err)
	}
}
