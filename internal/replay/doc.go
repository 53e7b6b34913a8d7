// Package replay brings messages that have been read before back through the
// same stages: so far those that became dead letters.
//
// Words used here:
//
//   - redrive: to read the original message of an open dead letter from Kafka
//     at its coordinates (dead letters keep no plaintext), put it through
//     today's rules, and make durable what becomes of it.
//   - gone: the original cannot be read any more, for a [Cause]. Its dead letter
//     stays open, since nobody has decided about the message.
//   - to resolve: to write a dead letter's later version that says when its
//     message passed after all, was filtered or was skipped.
//
// A [Redriver] may be interrupted and repeated at any moment: each batch is
// durable by itself, rows before resolutions (sink.Writer.Redrive says why this
// is harmless beside a running consumer). Nothing of a message reaches an
// error, a log line or a report.
package replay
