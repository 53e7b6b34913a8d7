package consumer

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// maxUnverified is how long a reader may go without a fetch before it verifies
// that the topic is the same. A topic that was missing for longer is noticed: a
// reader that fetches more often has seen the error. A topic that is deleted,
// recreated and filled past the position in less time, while nobody fetches, is
// not noticed. The check costs one batch per fetch after a wait for the sink,
// which is rare.
const maxUnverified = 100 * time.Millisecond

// lastRead is the last record of a reader. In the protocol versions of this
// client a fetch names a topic only by its name. A recreated topic that is longer
// than the position looks like the old one, and its start would never be read.
type lastRead struct {
	offset, timestamp int64
	known             bool
	answered, asked   time.Time // the last response, and the request after it
	failed            bool      // a fetch has failed since the last response
}

// saw remembers the last of the returned records.
func (l *lastRead) saw(records []Record) {
	if n := len(records); n > 0 {
		l.offset, l.timestamp, l.known = records[n-1].Offset, records[n-1].Timestamp, true
	}
}

// doubtful reports whether to verify the topic before the current response is
// used. The clock is monotonic but may stop with the machine; then the connection
// has failed.
func (l *lastRead) doubtful() bool {
	return l.known && (l.failed || l.asked.Sub(l.answered) > maxUnverified)
}

// replaced reports whether the record at the last read offset has changed. When
// it was removed there is no evidence, and the topic counts as the same one. Call
// it after the response in question, so that nothing happens in between.
func (r *Reader) replaced(ctx context.Context) (bool, error) {
	timestamp, found, err := r.c.TimestampAt(ctx, r.topic, r.partition, r.last.offset)
	if err != nil || !found || timestamp == r.last.timestamp {
		return false, err
	}
	r.log.Warn("topic recreated: the last read record has another timestamp", zap.Int64("offset", r.last.offset))
	return true, nil
}
