// Package pipeline connects consumer, transform and sink into one flow. The same
// flow runs in `pianola run`, the sandbox, the benchmarks and the tests.
//
// Words:
//
//   - lane: one assigned partition of one generation, and the goroutine that
//     fetches it, runs the stages and fills its part.
//   - part: what one lane has gathered since the last flush: rows in column
//     form, dead letters, filtered ids and their offset range.
//   - limiter: the bound on what all lanes together may gather. A lane that
//     finds it full stops fetching until the flusher has collected a batch.
//   - flush: one insert makes all parts durable, then their offsets are
//     committed.
//
// The main path, in reading order:
//
//   - Flow.Run (flow.go) joins the consumer group and calls runGeneration
//     for each generation.
//   - runGeneration (generation.go) checks the assignment with decideStart
//     (start_position.go), which detects data loss, and then runs the lanes
//     and the flusher until the generation ends or drains.
//   - delivery.go is the path of a message: lane.run fetches, part.absorb
//     runs the stages, flusher.flush inserts and commits. It states the
//     invariants by which no message is lost and none is shown twice.
//   - flusher.go decides when to flush, limiter.go bounds memory,
//     watchdog.go detects a stuck loop.
//
// reprocessor.go runs the same stages outside a group, for `pianola dlq redrive`.
// forecast.go is the decision of the assignment check for `pianola offsets`.
package pipeline
