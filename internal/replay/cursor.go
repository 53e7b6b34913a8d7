package replay

import (
	"context"
	"errors"

	"github.com/pianola/pianola/consumer"
)

// stride is how many offsets a cursor reads over rather than ask anew: about
// what one fetch brings of messages of some hundred bytes.
const stride = 2000

// cursor finds single records of one partition, in rising order of their
// offsets. Neighbours come out of one fetch; over wide gaps it jumps.
type cursor struct {
	topic     *topic
	partition int32

	reader *consumer.Reader
	set    *consumer.RecordSet // what the reader gave last
	next   int                 // index of the first record in it that has not been passed
}

// find gives the record at an offset above the last one asked for, borrowed
// until the next find. Where there is none the cause says why, and the cursor
// can go on. errSilent means that nothing more can be found now.
func (c *cursor) find(ctx context.Context, offset int64) (consumer.Record, Cause, error) {
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
		if c.reader == nil || offset > c.reader.Position()+stride {
			c.close()
			c.reader = c.topic.NewReader(c.topic.name, c.partition, offset)
		}
		cause, err := c.advance(ctx, offset)
		if cause != "" || err != nil {
			return consumer.Record{}, cause, err
		}
	}
}

// advance reads the next records on the way to an offset.
func (c *cursor) advance(ctx context.Context, offset int64) (Cause, error) {
	bounded, cancel := context.WithTimeout(ctx, c.topic.patience)
	defer cancel()
	for {
		set, err := c.reader.Next(bounded)
		c.set, c.next = set, 0
		var outside *consumer.OffsetOutOfRangeError
		switch {
		case errors.As(err, &outside):
			c.close() // the position is of no use to whom comes next
			if outside.Offset < outside.LogStart {
				if offset >= outside.LogStart {
					return "", nil // only what lies between has gone: ask for the offset itself
				}
				return Retention, nil
			}
			return TopicRecreated, nil
		case err != nil:
			return "", silent(ctx, bounded, err)
		case set.NextOffset > set.StartOffset:
			return "", nil
		case set.NextOffset >= set.HighWatermark:
			// What was read once lies beyond the end: this is another log.
			return TopicRecreated, nil
		case c.topic.isolated && set.NextOffset >= set.LastStable:
			return "", errSilent // an open transaction holds it back
		}
	}
}

func (c *cursor) close() {
	if c.reader != nil {
		c.reader.Close()
	}
	c.reader, c.set = nil, nil
}
