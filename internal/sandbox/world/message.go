package world

import (
	"bytes"
	"iter"
	"time"
)

// Message is one record to produce. Its slices belong to the receiver.
type Message struct {
	// Partition is where the record has to go for the truth's offsets to hold:
	// each partition's offsets count its messages from 0.
	Partition int32
	Key       []byte // often the subscription's id; some have none
	Value     []byte // nil is a tombstone
	Time      time.Time
}

// Messages yields all messages in the order of sending. Every call begins anew
// and yields the same bytes; several may run at once.
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

// key is the subscription's id, except where a careless producer sends none or
// another one.
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
