// Package offsets shows and sets the committed offsets of the consumer group, beside what
// the ledger has reached. Its conventions are those of kafka-consumer-groups.
//
// Words:
//
//   - committed: the group's offset of a partition. `pianola run` continues there.
//   - reached: the end of what the ledger accounts for. It is written before the offset
//     is committed, so it equals the committed offset or is ahead of it.
//   - next run: what the assignment check of `pianola run` decides with these offsets
//     (pipeline.Forecast). It has a [Verdict].
//   - target: the offset that a reset asks for. It is clamped to the log, as Kafka does.
//   - active: a group with members. Their commits would undo a reset, so brokers refuse it.
//
// # The order of reading
//
// [Group.survey] reads the committed offsets, then the ledger, then the log ranges. A
// consumer may be running: so the ledger is never behind the committed offset, and never
// past the end of the log, only because time has passed.
//
// # The main path
//
// [Group.Show] reports the survey. It reads no records, so that it needs few requests for
// any number of partitions. [Group.Plan] resolves the [Target] (target.go) and forecasts
// the next run of each partition. It also reads the last record that the ledger knows, to
// notice a recreated topic. [Group.Reset] commits the changes of a plan in one request, and
// reads the offsets back.
package offsets
