// Package pipeline makes consumer, transform and sink into one flow: what
// `pianola run`, the sandbox, the benchmarks and the tests all execute.
//
// Words:
//
//   - lane: one assigned partition of one generation, and the goroutine that
//     fetches it, runs the stages and fills its part.
//   - part: what one lane has gathered since the last flush: rows in column
//     form, dead letters, filtered ids, and the offset range they came from.
//   - limiter: the bound on what all lanes together may have gathered; a lane that
//     finds it shut stops fetching until the flusher has taken a batch.
//   - flush: all parts of the moment made durable by one insert, then committed.
//
// delivery.go is a message's way from the fetch to the commit, with the invariants
// by which nothing is lost and nothing shown twice. assign.go judges where it may
// start, work.go brings its goroutines to an end.
package pipeline
