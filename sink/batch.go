package sink

import (
	"time"

	"github.com/pianola/pianola/schemas"
)

// Part is what one partition contributes to a flush. The flush reads it and
// changes nothing in it, so the same part may be flushed again.
type Part struct {
	Chunk       *Chunk // nil or empty where no event was accepted
	DeadLetters []schemas.DeadLetter
	Filtered    []schemas.FilteredSubscription
	// Ledger is the part's row with its range and counters. The flush sets
	// token, instance and time in a copy, and counts the rows that ClickHouse
	// refuses as dead letters there.
	Ledger schemas.LedgerRow
	// Recheck says that the range may have been read before: dead letters that
	// are open in it and not among this part's are resolved, and the attempts
	// of those that failed again go on counting.
	Recheck bool
}

// Batch is what is flushed together. Token names it in the ledger
// (insert_token): the same offset ranges give the same token, others another.
type Batch struct {
	Parts []*Part
	Token string
}

// FlushStats is what a flush did.
type FlushStats struct {
	Rows     int // event rows in ClickHouse
	Bytes    int // what they take uncompressed
	Attempts int // INSERTs of events that were tried
	Splits   int // how often a segment was halved
	Refused  int // rows that became dead letters because ClickHouse refused them
	Resolved int // dead letters of earlier reads that now passed
	Elapsed  time.Duration
}
