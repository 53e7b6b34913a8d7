package kafkalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pianola/pianola/consumer"
)

// ErrRecreated means that the topic is not the one of the range: it was deleted and
// recreated, or its log was truncated.
var ErrRecreated = errors.New("the topic was deleted, recreated or truncated")

// RangeReader reads the records of the offsets [from, to) of one partition, which must be
// committed when it starts. One goroutine uses it.
type RangeReader struct {
	topic     *Topic
	partition int32
	to        int64
	reader    *consumer.Reader
}

// Records are the next records of a range, and the position after them.
type Records struct {
	// Records are borrowed until the next Next or Close.
	Records []consumer.Record
	// Next is at most the end of the range.
	Next int64
	// Removed is the number of offsets before the records, and after the last position,
	// that retention has removed while the range was read.
	Removed int64
}

// NewRangeReader does no I/O. The caller closes the reader before the topic.
func (t *Topic) NewRangeReader(partition int32, from, to int64) *RangeReader {
	return &RangeReader{topic: t, partition: partition, to: to, reader: t.NewReader(t.name, partition, from)}
}

// Next returns the next records. The range ends where Next equals its end. The error is
// ErrRecreated, ErrTimeout, ctx's, or that of the consumer; each names the partition.
func (r *RangeReader) Next(ctx context.Context) (Records, error) {
	found, err := r.next(ctx)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("read %s/%d at offset %d: %w", r.topic.name, r.partition, r.reader.Position(), err)
	}
	return found, err
}

func (r *RangeReader) next(ctx context.Context) (Records, error) {
	bounded, cancel := context.WithTimeout(ctx, r.topic.timeout)
	defer cancel()
	start := r.reader.Position()
	for {
		set, err := r.reader.Next(bounded)
		var outside *consumer.OffsetOutOfRangeError
		switch {
		case errors.As(err, &outside) && outside.Offset < outside.LogStart:
			next := min(outside.LogStart, r.to)
			r.reader.Close()
			r.reader = r.topic.NewReader(r.topic.name, r.partition, next)
			return Records{Next: next, Removed: next - start}, nil
		case outside != nil, errors.Is(err, consumer.ErrTopicRecreated):
			return Records{}, ErrRecreated
		case err != nil:
			return Records{}, timeoutOf(ctx, bounded, err)
		case set.NextOffset > set.StartOffset:
			end, _ := slices.BinarySearchFunc(set.Records, r.to, func(record consumer.Record, to int64) int {
				return cmp.Compare(record.Offset, to)
			})
			return Records{Records: set.Records[:end], Next: min(set.NextOffset, r.to)}, nil
		case set.NextOffset >= set.HighWatermark:
			return Records{}, ErrRecreated // the log had records up to the end of the range
		}
	}
}

// Close frees the memory of the reader.
func (r *RangeReader) Close() { r.reader.Close() }
