package files

import (
	"crypto/sha256"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// part is what the rows of one file have given since the last flush.
type part struct {
	sink.Part
	dropped  []int64 // rows that give neither an event nor a dead letter
	filtered map[string]bool
	bytes    int // beside the chunk
}

func newPart() *part {
	return &part{Part: sink.Part{Chunk: sink.NewChunk(), Recheck: true}, filtered: map[string]bool{}}
}

// begin empties the part, keeps its memory, and starts its range.
func (p *part) begin(job, name string, row int64) {
	p.Chunk.Reset()
	clear(p.DeadLetters)
	clear(p.Filtered)
	clear(p.filtered)
	p.DeadLetters, p.Filtered, p.dropped, p.bytes = p.DeadLetters[:0], p.Filtered[:0], p.dropped[:0], 0
	p.Ledger = schemas.LedgerRow{Source: schemas.SourceFile, Name: name, Kind: schemas.LedgerReplay, JobID: job,
		StartOffset: row, NextOffset: row, LastOffset: -1}
}

// size is what the part holds.
func (p *part) size() int { return p.Chunk.Bytes() + p.bytes }

// absorb adds the outcome of the next row. A row that the filter does not select belongs
// to the range and is not counted.
func (p *part) absorb(worker *transform.Worker, result *transform.Result, message []byte, whole bool, filter *job.Filter) {
	l := &p.Ledger
	at := schemas.Coordinates{Source: l.Source, Name: l.Name, Offset: l.NextOffset}
	l.LastOffset = l.NextOffset
	l.NextOffset++
	if !filter.IsZero() && !selects(filter, result) {
		return
	}
	l.Messages++
	switch result.Outcome {
	case transform.Stored:
		p.Chunk.Append(result.Event, at, 0)
		l.Stored++
	case transform.Filtered:
		if id := result.SubscriptionID; id != nil && !p.filtered[string(id)] {
			p.filtered[string(id)] = true
			p.Filtered = append(p.Filtered, schemas.FilteredSubscription{SubscriptionID: string(id)})
			p.bytes += 2*len(id) + 64
		}
		p.dropped = append(p.dropped, at.Offset)
		l.Filtered++
	case transform.DeadLettered:
		p.addDeadLetter(worker, result, at, message, whole)
		l.DeadLettered++
	case transform.Skipped:
		p.dropped = append(p.dropped, at.Offset)
		l.Skipped++
	}
}

func selects(filter *job.Filter, result *transform.Result) bool {
	var action []byte
	if result.Event != nil {
		action = result.Event.SubscriptionAction
	}
	return filter.Selects(result.SubscriptionID, action)
}

// addDeadLetter stores what the contract allows of a refused message. Of a message that
// was not kept whole there is no hash.
func (p *part) addDeadLetter(worker *transform.Worker, result *transform.Result, at schemas.Coordinates, message []byte, whole bool) {
	letter := schemas.DeadLetter{At: at, Reason: result.Reason, Field: result.Field, Detail: result.Detail,
		SubscriptionID: string(result.SubscriptionID), Payload: worker.Redact(message), Attempts: 1}
	if whole {
		hash := sha256.Sum256(message)
		letter.PayloadSHA256 = hash[:]
	}
	p.DeadLetters = append(p.DeadLetters, letter)
	p.bytes += len(letter.Payload) + len(letter.SubscriptionID) + 256
}

// counts are those of the ledger row.
func (p *part) counts() job.Counts {
	l := &p.Ledger
	return job.Counts{job.Messages: l.Messages, job.Stored: l.Stored, job.Filtered: l.Filtered, job.DeadLettered: l.DeadLettered, job.Skipped: l.Skipped}
}
