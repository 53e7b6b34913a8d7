package pipeline

import (
	"time"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// Reprocessor runs the stages over records that are read outside a group. It
// files them as a consumer does: the same versions, dead letters and redaction.
// One goroutine uses it. Single records come with Take, a range with Begin, Hold
// and End.
type Reprocessor struct {
	worker *transform.Worker
	lane   *lane
	part   *part

	// Selects decides which messages of a range belong to it; nil selects all.
	Selects func(*transform.Result) bool
	held    int     // records since Begin
	dropped []int64 // see Dropped
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

// Part is what was taken since the last Reset or Begin. After Take its offset range
// has no meaning: the records need not be neighbours.
func (r *Reprocessor) Part() *sink.Part { return &r.part.Part }

// Size is the number of bytes in the part.
func (r *Reprocessor) Size() int { return r.part.bytes() }

// Reset empties the part and keeps its memory.
func (r *Reprocessor) Reset() { r.Begin(0) }

// Begin empties the part and starts a range.
func (r *Reprocessor) Begin(start int64) {
	r.part.begin(r.lane, start)
	r.held, r.dropped = 0, r.dropped[:0]
}

// Hold runs the stages over records of the range, until it has taken so many or so
// many bytes. It returns the rest. It keeps no bytes of the records.
func (r *Reprocessor) Hold(records []consumer.Record, most, bytes int, now time.Time) []consumer.Record {
	n := 0
	for ; n < len(records) && n < most && bytes > 0; n++ {
		record := records[n]
		bytes -= len(record.Value)
		result := r.worker.Apply(record.Value, now)
		if r.Selects != nil && !r.Selects(result) {
			r.part.pass(record)
			continue
		}
		switch r.part.store(r.worker, result, record, now) {
		case transform.Filtered, transform.Skipped:
			r.dropped = append(r.dropped, record.Offset)
		}
	}
	r.worker.Release()
	if n > 0 {
		r.part.identify(records[n-1])
	}
	r.held += n
	return records[n:]
}

// pass goes over a record that does not belong to the part.
func (p *part) pass(record consumer.Record) {
	p.Ledger.LastOffset, p.Ledger.NextOffset = record.Offset, record.Offset+1
	p.Ledger.LastTimestamp, _ = schemas.RecordTime(record.Timestamp)
}

// End sets the end of the range. Offsets without a record belong to it.
func (r *Reprocessor) End(next int64) {
	r.part.Ledger.NextOffset = max(r.part.Ledger.NextOffset, next)
}

// Held is the number of records of the range, selected or not.
func (r *Reprocessor) Held() int { return r.held }

// Dropped are the offsets of the selected messages that gave neither an event nor a
// dead letter. They are valid until the next Begin.
func (r *Reprocessor) Dropped() []int64 { return r.dropped }
