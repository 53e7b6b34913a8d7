package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// part is what one lane has gathered since the last flush. The goroutine that
// took it out of the slot owns it.
type part struct {
	sink.Part
	notes         transform.Notes
	rescaled      uint32         // records whose timestamp is not in milliseconds
	filteredIndex map[string]int // subscription id → index in Filtered

	deadLetterBytes int // payloads and ids of dead letters and filtered subscriptions

	newest schemas.Millis // newest event that is not in the future
	oldest schemas.Millis // oldest record
}

func newPart() *part {
	return &part{Part: sink.Part{Chunk: sink.NewChunk()}, filteredIndex: map[string]int{}}
}

// begin empties the part, keeps its memory, and starts its range.
func (p *part) begin(l *lane, start int64) {
	p.Chunk.Reset()
	clear(p.DeadLetters)
	clear(p.Filtered)
	clear(p.filteredIndex)
	p.DeadLetters, p.Filtered = p.DeadLetters[:0], p.Filtered[:0]
	p.notes, p.rescaled = transform.Notes{}, 0
	p.deadLetterBytes, p.newest, p.oldest = 0, 0, 0
	p.Recheck = start < l.readBelow
	p.Ledger = schemas.LedgerRow{
		Source: schemas.SourceKafka, Name: l.topic, Epoch: l.epoch, Partition: l.partition,
		Kind: schemas.LedgerFlush, StartOffset: start, NextOffset: start, LastOffset: -1,
	}
}

// advanced reports whether there is anything to make durable or to commit.
func (p *part) advanced() bool { return p.Ledger.NextOffset > p.Ledger.StartOffset }

// messages is the number of records in the part, for the limiter.
func (p *part) messages() int { return int(p.Ledger.Messages) }

// bytes is the size of the part, for the limiter.
func (p *part) bytes() int { return p.Chunk.Bytes() + p.deadLetterBytes }

// sawEvent keeps the time of the newest event. An event from the future says
// nothing about the freshness of the tables.
func (p *part) sawEvent(at schemas.Millis, now time.Time) {
	if at > p.newest && int64(at) <= now.UnixMilli() {
		p.newest = at
	}
}

// sawRecord keeps the time of the oldest record and counts the record.
func (p *part) sawRecord(at schemas.Millis) {
	if p.Ledger.Messages == 0 || at < p.oldest {
		p.oldest = at
	}
	p.Ledger.Messages++
}

// identify completes what the ledger says of the last record. Only a record without a
// timestamp costs a hash.
func (p *part) identify(last consumer.Record) {
	p.Ledger.LastPayload = ""
	if p.Ledger.LastTimestamp == 0 {
		f := consumer.FingerprintOf(last)
		p.Ledger.LastPayload = hex.EncodeToString(f.Payload[:])
	}
}

func (p *part) addFiltered(subscription []byte, version uint64) {
	if i, known := p.filteredIndex[string(subscription)]; known {
		p.Filtered[i].Version = max(p.Filtered[i].Version, version)
		return
	}
	id := string(subscription)
	p.filteredIndex[id] = len(p.Filtered)
	p.Filtered = append(p.Filtered, schemas.FilteredSubscription{SubscriptionID: id, Version: version})
	p.deadLetterBytes += 2*len(id) + 64
}

// addDeadLetter stores what the contract allows of a refused message: the
// redacted payload and the hash of the raw one. By the hash the original can be
// found in Kafka without being stored here.
func (p *part) addDeadLetter(worker *transform.Worker, result *transform.Result, at schemas.Coordinates,
	timestamp schemas.Millis, value []byte) {
	hash := sha256.Sum256(value)
	letter := schemas.DeadLetter{
		At: at, Reason: result.Reason, Field: result.Field, Detail: result.Detail,
		SubscriptionID: string(result.SubscriptionID),
		Payload:        worker.Redact(value),
		PayloadSHA256:  hash[:],
		MessageTime:    timestamp,
		Attempts:       1,
	}
	p.DeadLetters = append(p.DeadLetters, letter)
	p.deadLetterBytes += len(letter.Payload) + len(letter.SubscriptionID) + 256
}
