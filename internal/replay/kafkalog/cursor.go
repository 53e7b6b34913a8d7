package kafkalog

import (
	"context"
	"errors"

	"github.com/pianola/pianola/consumer"
)

// maxSkip is how many offsets a cursor reads over before it opens a new reader: about one
// fetch of messages of some hundred bytes.
const maxSkip = 2000

// Cursor finds single records of one partition, in ascending order of offsets.
// Neighbours come from one fetch; it jumps over wide gaps. One goroutine uses it.
type Cursor struct {
	topic     *Topic
	partition int32

	reader *consumer.Reader
	set    *consumer.RecordSet // the last one of the reader
	next   int                 // index of its first record that was not passed
}

// NewCursor does no I/O. The caller closes the cursor before the topic.
func (t *Topic) NewCursor(partition int32) *Cursor {
	return &Cursor{topic: t, partition: partition}
}

// Find returns the record at an offset, borrowed until the next call. Offsets must
// ascend. Without a record it returns the cause, and the cursor stays usable. ErrTimeout
// means that nothing more can be found now.
func (c *Cursor) Find(ctx context.Context, offset int64) (consumer.Record, Cause, error) {
	for {
		if c.set != nil && offset < c.set.NextOffset {
			for c.next < len(c.set.Records) && c.set.Records[c.next].Offset < offset {
				c.next++
			}
			if c.next < len(c.set.Records) && c.set.Records[c.next].Offset == offset {
				return c.set.Records[c.next], "", nil
			}
			return consumer.Record{}, NoRecord, nil
		}
		if c.reader == nil || offset > c.reader.Position()+maxSkip {
			c.Close()
			c.reader = c.topic.NewReader(c.topic.name, c.partition, offset)
		}
		cause, err := c.advance(ctx, offset)
		if cause != "" || err != nil {
			return consumer.Record{}, cause, err
		}
	}
}

// advance reads the next record set before or at an offset.
func (c *Cursor) advance(ctx context.Context, offset int64) (Cause, error) {
	bounded, cancel := context.WithTimeout(ctx, c.topic.timeout)
	defer cancel()
	for {
		set, err := c.reader.Next(bounded)
		c.set, c.next = set, 0
		var outside *consumer.OffsetOutOfRangeError
		switch {
		case errors.As(err, &outside):
			c.Close() // the next Find cannot use the position
			if outside.Offset < outside.LogStart {
				if offset >= outside.LogStart {
					return "", nil // only the records before it are gone: read at the offset itself
				}
				return Retention, nil
			}
			return TopicRecreated, nil
		case err != nil:
			return "", timeoutOf(ctx, bounded, err)
		case set.NextOffset > set.StartOffset:
			return "", nil
		case set.NextOffset >= set.HighWatermark:
			// The log ends before a record that was read: the topic was recreated.
			return TopicRecreated, nil
		case c.topic.isolated && set.NextOffset >= set.LastStable:
			return "", ErrTimeout // an open transaction hides it
		}
	}
}

// Close frees the memory of the cursor. Find opens it again.
func (c *Cursor) Close() {
	if c.reader != nil {
		c.reader.Close()
	}
	c.reader, c.set = nil, nil
}
