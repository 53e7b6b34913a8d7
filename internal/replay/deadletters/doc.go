// Package deadletters processes messages again that became dead letters.
//
// Words:
//
//   - redrive: to read the original message of an open dead letter from Kafka, apply
//     today's rules, and store the result. Dead letters contain no plaintext, so Kafka
//     is the only source.
//   - gone: the original can no longer be read, for a [kafkalog.Cause]. The dead letter stays
//     open.
//   - dismiss: to close a dead letter whose message is gone, with a name and a reason. It
//     never passed, so the audit still counts it.
//   - resolve: to write a later version of a dead letter with the time at which its
//     message was stored, filtered or skipped.
//
// # The main path
//
// [Redriver.Plan] counts the open dead letters of a [Selection] by partition and reason
// (deadLetters.holdings). For each topic it compares the ledger's epoch with Kafka, and
// marks as gone what retention or a recreated topic has removed. The rest are targets.
//
// [Redriver.Redrive] reads one target after the other (redrive.run). A page of dead
// letters is read from ClickHouse, each message from Kafka with a cursor, and the hash or
// the timestamp proves that it is the same message. pipeline.Reprocessor applies the
// rules, and sink.Writer.Redrive stores a batch: rows first, then the resolutions.
//
// [Redriver.Dismiss] reads the same targets without applying rules (dismissal.pages). It
// closes only the dead letters whose message is gone.
//
// A redrive may be interrupted and repeated at any time, since each batch is complete by
// itself; sink.Writer.Redrive explains why a running consumer does no harm. No content of
// a message reaches an error, a log line or a report.
package deadletters
