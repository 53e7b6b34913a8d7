package consumer

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// maxUnverified is how long a reader may go without asking before it doubts that the
// topic is still the same. A topic that was gone for as long is recognised: one that
// asks oftener has asked meanwhile, and was told. What is deleted, made anew and
// filled beyond the position in less, while nobody asks, is not. It costs one batch
// a fetch that has waited for the sink, which is few of them.
const maxUnverified = 100 * time.Millisecond

// lastRead is the last record that a reader has read: Kafka's fetch, in the versions
// that this client speaks, knows a topic by its name alone, so a topic made anew and
// longer than the position looks like the old one, and its beginning would go
// unread without a trace.
type lastRead struct {
	offset, timestamp int64
	known             bool
	answered, asked   time.Time // when the broker answered last, and was asked after that
	failed            bool      // a fetch has, since it answered
}

// saw takes the last of the records that are handed out.
func (l *lastRead) saw(records []Record) {
	if n := len(records); n > 0 {
		l.offset, l.timestamp, l.known = records[n-1].Offset, records[n-1].Timestamp, true
	}
}

// doubtful says whether to look before an answer that has just come is believed. The
// clock is monotonic, but it may stand still with the machine: then the connection
// has failed.
func (l *lastRead) doubtful() bool {
	return l.known && (l.failed || l.asked.Sub(l.answered) > maxUnverified)
}

// replaced says whether another record stands where the reader read its last one.
// One that has gone cannot tell, and then it counts as the same topic. Asked after
// the answer in question, so that nothing comes between.
func (r *Reader) replaced(ctx context.Context) (bool, error) {
	timestamp, found, err := r.c.TimestampAt(ctx, r.topic, r.partition, r.last.offset)
	if err != nil || !found || timestamp == r.last.timestamp {
		return false, err
	}
	r.log.Warn("another record stands where the last one was read", zap.Int64("offset", r.last.offset))
	return true, nil
}
