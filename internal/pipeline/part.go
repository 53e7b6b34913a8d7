package pipeline

import (
	"time"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// part is what one lane has gathered since the last flush. Whoever took it from
// the lane's slot owns it.
type part struct {
	sink.Part
	notes         transform.Notes
	filteredIndex map[string]int // subscription id → index in Filtered

	messages int // taken in, for the gate
	bytes    int // column bytes and dead letters' payloads, for the gate
	letters  int // the payload bytes of the dead letters

	newest schemas.Millis // the newest event not later than now
	oldest schemas.Millis // the oldest record timestamp
}

func newPart() *part {
	return &part{Part: sink.Part{Chunk: sink.NewChunk()}, filteredIndex: map[string]int{}}
}

// begin empties the part, keeping its memory, and starts its range.
func (p *part) begin(l *lane, start int64) {
	p.Chunk.Reset()
	clear(p.DeadLetters)
	clear(p.Filtered)
	clear(p.filteredIndex)
	p.DeadLetters, p.Filtered = p.DeadLetters[:0], p.Filtered[:0]
	p.notes = transform.Notes{}
	p.messages, p.bytes, p.letters, p.newest, p.oldest = 0, 0, 0, 0, 0
	p.Recheck = start < l.readBelow
	p.Ledger = schemas.LedgerRow{
		Source: schemas.SourceKafka, Name: l.topic, Epoch: l.epoch, Partition: l.partition,
		Kind: schemas.LedgerFlush, StartOffset: start, NextOffset: start, LastOffset: -1,
	}
}

// advanced says whether there is anything to make durable or to commit.
func (p *part) advanced() bool { return p.Ledger.NextOffset > p.Ledger.StartOffset }

// measure brings bytes up to date and returns it.
func (p *part) measure() int {
	p.bytes = p.Chunk.Bytes() + p.letters
	return p.bytes
}

// absorb runs the stages over one record, files what becomes of it, and says so.
func (p *part) absorb(worker *transform.Worker, offset int64, timestamp schemas.Millis, value []byte, now time.Time) transform.Outcome {
	ledger := &p.Ledger
	at := schemas.Coordinates{Source: ledger.Source, Name: ledger.Name, Epoch: ledger.Epoch,
		Partition: ledger.Partition, Offset: offset}

	result := worker.Apply(value, now)
	p.notes.Add(result.Notes)
	switch result.Outcome {
	case transform.Stored:
		p.Chunk.Append(result.Event, at, schemas.KafkaVersion(timestamp, offset))
		if t := result.Event.EventTimestamp; t > p.newest && int64(t) <= now.UnixMilli() {
			p.newest = t
		}
		ledger.Stored++
	case transform.Filtered:
		if result.SubscriptionID != nil {
			p.addFiltered(result.SubscriptionID, now)
		}
		ledger.Filtered++
	case transform.DeadLettered:
		p.addDeadLetter(worker, result, at, timestamp, value)
		ledger.DeadLettered++
	case transform.Skipped:
		ledger.Skipped++
	}
	ledger.Messages++
	ledger.LastOffset, ledger.LastTimestamp = offset, timestamp
	ledger.NextOffset = offset + 1
	if p.messages == 0 || timestamp < p.oldest {
		p.oldest = timestamp
	}
	p.messages++
	return result.Outcome
}

// hold absorbs records until the reservation is used up, and returns the rest.
func (p *part) hold(now time.Time, worker *transform.Worker, records []consumer.Record, rows, bytes int) []consumer.Record {
	for len(records) > 0 && rows > 0 && bytes > 0 {
		record := records[0]
		p.absorb(worker, record.Offset, recordTime(record.Timestamp), record.Value, now)
		records, rows, bytes = records[1:], rows-1, bytes-len(record.Value)
	}
	return records
}

func (p *part) addFiltered(subscription []byte, now time.Time) {
	at := schemas.Millis(now.UnixMilli())
	if i, known := p.filteredIndex[string(subscription)]; known {
		p.Filtered[i].FilteredAt = at
		return
	}
	id := string(subscription)
	p.filteredIndex[id] = len(p.Filtered)
	p.Filtered = append(p.Filtered, schemas.FilteredSubscription{SubscriptionID: id, FilteredAt: at})
	p.letters += 2*len(id) + 64
}
