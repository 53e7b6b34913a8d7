package audit

import (
	"encoding/hex"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// A batch is looked up when it has this many messages, or this many bytes of
// subscription ids, which have no maximum length.
const (
	batchMessages = 4000
	batchBytes    = 512 << 10
)

// expected is one message and where today's rules put it.
type expected struct {
	offset       int64
	outcome      transform.Outcome
	subscription string // empty without one
	id           string // of a stored event
	version      uint64
	at           schemas.Millis // its event_timestamp
}

// batch is a set of messages that are looked up together.
type batch struct {
	messages []expected
	bytes    int
}

func (b *batch) full() bool { return len(b.messages) >= batchMessages || b.bytes >= batchBytes }

func (b *batch) reset() {
	clear(b.messages)
	b.messages, b.bytes = b.messages[:0], 0
}

// add copies what it keeps, since r is borrowed.
func (b *batch) add(record consumer.Record, r *transform.Result) {
	sent, _ := schemas.RecordTime(record.Timestamp)
	m := expected{offset: record.Offset, outcome: r.Outcome, subscription: string(r.SubscriptionID),
		version: schemas.KafkaVersion(sent, record.Offset)}
	if r.Outcome == transform.Stored {
		m.id, m.at = uuid(r.Event.ID), r.Event.EventTimestamp
	}
	b.bytes += len(m.subscription)
	b.messages = append(b.messages, m)
}

// uuid formats an id as ClickHouse does.
func uuid(id schemas.EventID) string {
	var b [36]byte
	hex.Encode(b[0:8], id[0:4])
	hex.Encode(b[9:13], id[4:6])
	hex.Encode(b[14:18], id[6:8])
	hex.Encode(b[19:23], id[8:10])
	hex.Encode(b[24:36], id[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}
