// Package window replays a window of Kafka: it reads a range of each partition again,
// outside a group, and replaces in place what its messages gave before.
//
// Words:
//
//   - window: the messages that an operator asks for, by the times of records or by
//     offsets.
//   - plan: the offsets of the window in each partition. Its end is fixed. With
//     read_committed it is not behind the last stable offset, so that no open transaction
//     can block the job.
//   - chunk: what one sink.Writer.Replace makes durable; its ledger row is the job's
//     checkpoint.
//   - segment: some chunks of one partition in a row, which one worker reads. There are
//     two workers: while one writes a chunk, the other one reads.
//   - claims: which message of the window gives each event by today's rules.
//
// # The main path
//
// [Replayer.Plan] (planner.go) finds the offsets and what an operator must know: what
// retention has removed, what the group has not consumed, an open transaction, records
// that Kafka cannot find by their time. [Replayer.Estimate] adds how long it takes.
//
// reading.all (reading.go) cuts ranges into segments, reads them with
// kafkalog.RangeReader, applies the rules with pipeline.Reprocessor, and passes full
// chunks on. [Replayer.Compare] (compare.go) compares them with the tables: the dry run.
// [Replayer.Execute] and [Replayer.Resume] (execute.go) replace them within a job.
//
// # Claims
//
// When a message gives another event than before, its old row must go. But the old event
// may have been delivered twice, and the row of the other delivery may be merged away.
// Then that delivery takes over. Only the messages know: so at the first such row the
// whole window is read once, and its claims go to replay_claims (claims.go). Most jobs
// never need it. The job drops its claims at its end.
//
// # Stopping and killing
//
// A chunk is complete with its ledger row. A job that ends before repeats the chunk, which
// finds what is left to do. A range that retention removes while the job runs gets a
// ledger row with the cause retention: nobody can read it, and its rows stay.
package window
