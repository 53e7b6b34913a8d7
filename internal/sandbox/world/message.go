package world

import (
	"bytes"
	"iter"
	"time"
)

// Message is one record to produce. Its slices belong to the receiver.
type Message struct {
	// Partition must be used as it is: the truth expects the n-th message of a
	// partition at offset n.
	Partition int32
	Key       []byte // usually the subscription's id; may be nil
	Value     []byte // nil is a tombstone
	Time      time.Time
}

// Messages yields all messages in the order of sending. Every call yields the same
// bytes. Concurrent calls are safe.
func (w *World) Messages() iter.Seq[Message] {
	return func(yield func(Message) bool) {
		enc := w.newEncoder()
		for i := range w.schedule {
			del := &w.schedule[i]
			out := enc.encode(del)
			m := Message{
				Partition: w.partitionOf(del),
				Key:       w.key(del),
				Time:      time.UnixMilli(del.stamp).UTC(),
			}
			if out.outcome != skipped {
				m.Value = bytes.Clone(out.value)
			}
			if !yield(m) {
				return
			}
		}
	}
}

func (w *World) partitionOf(del *delivery) int32 { return w.subs[w.events[del.event].sub].partition }

// key returns the subscription's id. A few records have no key or another key, as from
// a careless producer.
func (w *World) key(del *delivery) []byte {
	switch del.variant % 64 {
	case 0:
		return nil
	case 1:
		return []byte("subscription")
	default:
		return []byte(w.subs[w.events[del.event].sub].id)
	}
}
