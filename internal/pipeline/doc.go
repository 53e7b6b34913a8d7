// Package pipeline makes consumer, transform and sink into one flow: what
// `pianola run`, the sandbox, the benchmarks and the tests all execute.
//
// Words:
//
//   - lane: one assigned partition of one generation, and the goroutine that
//     fetches it, runs the stages and fills its part.
//   - part: what one lane has gathered since the last flush: rows in column
//     form, dead letters, filtered ids, and the offset range they came from.
//   - gate: the bound on what all lanes together may have gathered; a lane that
//     finds it shut stops fetching until the flusher has taken a batch.
//   - flush: all parts of the moment made durable by one insert, then committed.
//
// # Why nothing is lost and nothing doubled
//
// The promise of contract §4 rests on five invariants; each names the place
// that holds it.
//
//  1. A part's range is unbroken: it starts where the lane's previous part
//     ended, and every record the fetch returned in between is in the part as
//     a row, a filtered id, a dead letter or a skipped tombstone
//     (lane.absorb counts them, and LedgerRow balances by construction).
//  2. A part has one owner at a time: it travels through its lane's slot, a
//     channel of one (lane.fill puts it back, flusher.collect takes it).
//  3. Offsets are committed for exactly the parts of a batch whose Flush
//     returned nil, in the generation that fetched them, and in order: there is
//     one flusher a generation, it commits before it collects again, and it
//     collects nothing more once a part has not been committed (flusher.flush).
//  4. A flush is idempotent: rows are keyed by the event's identity and carry a
//     version made of the record's own coordinates, so whatever is read again
//     after a crash, a rebalance or an unknown outcome meets its own row.
//  5. What a generation had not flushed when it ended is dropped, never
//     committed: the next owner reads it again from the committed offset
//     (generation.run returns only after flusher and lanes have).
package pipeline
