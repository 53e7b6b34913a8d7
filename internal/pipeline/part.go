package pipeline

import (
	"time"

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

	messages        int // taken in, for the gate
	bytes           int // column bytes and dead letters' payloads, for the gate
	deadLetterBytes int // the payload bytes of the dead letters

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
	p.messages, p.bytes, p.deadLetterBytes, p.newest, p.oldest = 0, 0, 0, 0, 0
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
	p.bytes = p.Chunk.Bytes() + p.deadLetterBytes
	return p.bytes
}

// sawEvent keeps the newest event's time; one from the future says nothing of how
// fresh the tables are.
func (p *part) sawEvent(at schemas.Millis, now time.Time) {
	if at > p.newest && int64(at) <= now.UnixMilli() {
		p.newest = at
	}
}

// sawRecord counts a record for the gate, and keeps the oldest record's time.
func (p *part) sawRecord(at schemas.Millis) {
	if p.messages == 0 || at < p.oldest {
		p.oldest = at
	}
	p.messages++
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
	p.deadLetterBytes += 2*len(id) + 64
}
