package sink

import (
	"context"
	"fmt"
	"time"

	"github.com/pianola/pianola/schemas"
)

// Replacement is a range of offsets of one partition that a job has read again, with what
// its messages give by today's rules.
//
// A message of the range that is in none of Part.Chunk, Part.DeadLetters and Dropped was
// not decided: the job's filter leaves it alone, or Kafka does not have it any more. What
// the tables have of it stays.
type Replacement struct {
	// Part has the events and dead letters of the range. Its Ledger has JobID, the range
	// and the counters; Replace sets the kind. Recheck has no meaning.
	Part *Part
	// Dropped are the offsets of the messages that give neither an event nor a dead
	// letter: filtered ones and tombstones.
	Dropped []int64
	// Claims returns for each event the deliveries of the window that give it by today's
	// rules, highest version first. Replace calls it at most a few times, and only where
	// an event may disappear. It should answer from Writer.Claims, after the whole window
	// has been scanned.
	Claims func(ctx context.Context, departures []Departure) (map[schemas.EventID][]Claim, error)
	// Read reads the messages of these claims again, and appends their events to the
	// chunk at the coordinates and the version of the claim. It leaves out a message that
	// is gone.
	Read func(ctx context.Context, claims []Claim, to *Chunk) error
}

// Departure is an event that a message no longer gives. Its row disappears unless another
// delivery gives the event: that one is the successor. At is empty where only the claims
// on the event are asked for.
type Departure struct {
	EventID            schemas.EventID
	SubscriptionID     string
	EventTimestamp     schemas.Millis
	SubscriptionAction string
	Version            uint64
	At                 schemas.Coordinates
}

// Claim is a message of a job's window and the event that it gives by today's rules.
type Claim struct {
	EventID schemas.EventID
	Version uint64 // of the delivery
	At      schemas.Coordinates
}

// ReplaceStats are the numbers of one replacement.
type ReplaceStats struct {
	Changes Changes

	Rows       int // event rows inserted
	Bytes      int // their uncompressed size
	Successors int // of Rows: those that took over from a departed delivery
	Markers    int // delete markers inserted
	// Kept are rows whose message no longer gives their event, and which stay: the
	// message that is to take over is gone from Kafka, or ClickHouse refuses its row.
	Kept        int
	Refused     int // Rows refused by ClickHouse, now dead letters.
	DeadLetters int // Decisions written about dead letters.
	Opened      int // Of DeadLetters: those that were not open before.
	Resolved    int // Earlier dead letters whose message now passed.
	Attempts    int // INSERT attempts of events.
	Splits      int // halved segments
	Elapsed     time.Duration
}

// token names the chunk in the ledger. The same range of a job has the same token.
func (r *Replacement) token() string {
	l := &r.Part.Ledger
	return fmt.Sprintf("%s:%s@%d/%d[%d,%d)", l.JobID, l.Name, l.Epoch, l.Partition, l.StartOffset, l.NextOffset)
}

// outcomes are what the messages of a replacement give.
type outcomes struct {
	rows    map[int64]int // offset to the row of the chunk
	letters map[int64]bool
	dropped map[int64]bool
}

func (r *Replacement) outcomes() outcomes {
	o := outcomes{map[int64]int{}, map[int64]bool{}, map[int64]bool{}}
	if c := r.Part.Chunk; c != nil {
		for row, offset := range c.sourceOffset.values[:c.rows] {
			o.rows[offset] = row
		}
	}
	for i := range r.Part.DeadLetters {
		o.letters[r.Part.DeadLetters[i].At.Offset] = true
	}
	for _, offset := range r.Dropped {
		o.dropped[offset] = true
	}
	return o
}

// decided reports whether the job has decided about the message.
func (o outcomes) decided(offset int64) bool {
	_, stored := o.rows[offset]
	return stored || o.letters[offset] || o.dropped[offset]
}

// refuse moves a message from the events to the dead letters: ClickHouse refuses its row.
func (o outcomes) refuse(offset int64) {
	delete(o.rows, offset)
	o.letters[offset] = true
}
