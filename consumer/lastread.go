package consumer

import (
	"context"
	"crypto/sha256"
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

// Fingerprint identifies a record at a known offset. The payload decides only between
// records without a timestamp: -1 is what producers of old formats leave.
type Fingerprint struct {
	Timestamp int64             // as in Record
	Payload   [sha256.Size]byte // SHA-256 of the value
}

// FingerprintOf is the fingerprint of a record. It costs a hash of the value.
func FingerprintOf(r Record) Fingerprint {
	return Fingerprint{Timestamp: r.Timestamp, Payload: sha256.Sum256(r.Value)}
}

// other reports whether two fingerprints of one offset are of different records.
func (f Fingerprint) other(g Fingerprint) bool {
	return f.Timestamp != g.Timestamp || f.Timestamp <= 0 && f.Payload != g.Payload
}

// lastRead is the last record of a reader. In the protocol versions of this
// client a fetch names a topic only by its name. A recreated topic that is longer
// than the position looks like the old one, and its start would never be read.
type lastRead struct {
	offset          int64
	print           Fingerprint
	known           bool
	answered, asked time.Time // the last response, and the request after it
	failed          bool      // a fetch has failed since the last response
}

// saw remembers the last of the returned records.
func (l *lastRead) saw(records []Record) {
	n := len(records)
	if n == 0 {
		return
	}
	last := records[n-1]
	l.offset, l.print, l.known = last.Offset, Fingerprint{Timestamp: last.Timestamp}, true
	if last.Timestamp <= 0 {
		l.print = FingerprintOf(last)
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
	now, found, err := r.c.FingerprintAt(ctx, r.topic, r.partition, r.last.offset)
	if err != nil || !found || !r.last.print.other(now) {
		return false, err
	}
	r.log.Warn("topic recreated: another record is at the last read offset", zap.Int64("offset", r.last.offset))
	return true, nil
}
