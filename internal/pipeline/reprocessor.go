package pipeline

import (
	"time"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// Reprocessor runs the stages over records that are read outside a group. It
// files them as a consumer does: the same versions, dead letters and redaction.
// One goroutine uses it.
type Reprocessor struct {
	worker *transform.Worker
	lane   *lane
	part   *part
}

// NewReprocessor returns one for a partition in one epoch of a topic.
func NewReprocessor(rules *transform.Rules, topic string, epoch uint32, partition int32) *Reprocessor {
	r := &Reprocessor{
		worker: rules.NewWorker(), part: newPart(),
		lane: &lane{topic: topic, partition: partition, epoch: epoch},
	}
	r.Reset()
	return r
}

// Take runs the stages over a record and returns its outcome. It keeps no bytes
// of the record.
func (r *Reprocessor) Take(record consumer.Record, now time.Time) transform.Outcome {
	return r.part.absorb(r.worker, record, now)
}

// Part is what was taken since the last Reset. Its offset range has no meaning:
// the records need not be neighbours.
func (r *Reprocessor) Part() *sink.Part { return &r.part.Part }

// Size is the number of bytes in the part.
func (r *Reprocessor) Size() int { return r.part.bytes() }

// Reset empties the part and keeps its memory.
func (r *Reprocessor) Reset() { r.part.begin(r.lane, 0) }

// TopicRecreated reports whether the topic was recreated since the tables knew
// it, by the same evidence as the assignment check. a must describe the log after
// known was read. Its committed offset, where it matters, must be from before.
func TopicRecreated(a consumer.Assignment, known sink.Position, at func(offset int64) (f consumer.Fingerprint, found bool, err error)) (bool, error) {
	return recreated(a, known, func(offset int64) (lastRecord, bool, error) {
		f, found, err := at(offset)
		return lastRecordOf(f), found, err
	})
}
