package pipeline

import (
	"time"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// Reprocessor gathers records that are read again outside of a group, and files them
// as a consumer does: the same stages, versions, dead letters and redaction.
// One goroutine uses it.
type Reprocessor struct {
	worker *transform.Worker
	lane   *lane
	part   *part
}

// NewReprocessor is for one partition of one epoch of a topic.
func NewReprocessor(rules *transform.Rules, topic string, epoch uint32, partition int32) *Reprocessor {
	r := &Reprocessor{
		worker: rules.NewWorker(), part: newPart(),
		lane: &lane{topic: topic, partition: partition, epoch: epoch},
	}
	r.Reset()
	return r
}

// Take runs the stages over a record and says what has become of it. Nothing of
// the record is kept.
func (r *Reprocessor) Take(record consumer.Record, now time.Time) transform.Outcome {
	return r.part.absorb(r.worker, record.Offset, recordTime(record.Timestamp), record.Value, now)
}

// Part is what has been taken since the last Reset. Its range means nothing:
// what was taken need not be neighbours.
func (r *Reprocessor) Part() *sink.Part { return &r.part.Part }

// Size is the bytes that the part holds.
func (r *Reprocessor) Size() int { return r.part.bytes() }

// Reset empties the part and keeps its memory.
func (r *Reprocessor) Reset() { r.part.begin(r.lane, 0) }

// RecordTime is a record's timestamp as the tables have it.
func RecordTime(record consumer.Record) schemas.Millis { return recordTime(record.Timestamp) }

// TopicRecreated says whether the topic is another one than the tables know under its
// name, by the same signs as the check at assignment. What a holds of the log is
// as of now; known must have been read before it. The group's position, where it
// matters, is from before that.
func TopicRecreated(a consumer.Assignment, known sink.Position, at func(offset int64) (timestamp int64, found bool, err error)) (bool, error) {
	return recreated(a, known, func(offset int64) (schemas.Millis, bool, error) {
		timestamp, found, err := at(offset)
		return recordTime(timestamp), found, err
	})
}

// latestRecord is 2262-01-01, the last new year that the tables' instants and
// the driver that writes them (nanoseconds in 64 bits) can hold.
const latestRecord schemas.Millis = 9_214_646_400_000

// recordTime is a record's timestamp as the tables keep it. Kafka takes any
// number from a producer: -1 stands for none, and one that counts microseconds
// lies far beyond every calendar. Such a timestamp would come back from the
// ledger as another, and the topic would pass for one that was made anew. Every
// timestamp of a record goes through here, so that both sides of that
// comparison have done so.
func recordTime(timestamp int64) schemas.Millis {
	return min(max(schemas.Millis(timestamp), 0), latestRecord)
}
