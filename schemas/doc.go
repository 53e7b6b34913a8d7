// Package schemas says what the data is: the event type and its documented
// columns, the coordinates a message is known by, dead letters, the ledger,
// and the ClickHouse migrations that hold them.
//
// Words used here and everywhere else in the project:
//
//   - message: one Kafka record, or one line of a file; it has coordinates.
//   - event: what a message says once every stage has accepted it; it has an
//     identity (subscription, instant, action), so that two messages may be one
//     event.
//   - dead letter: the durable record of a message that a stage refused.
//   - ledger: the append-only account of which offsets became what.
//
// The package depends on the standard library alone, does no I/O, and every
// value in it is safe to read from several goroutines once it is built.
package schemas
