// Package schemas defines the data: the event type and its documented columns,
// the coordinates of a message, dead letters, the ledger, and the ClickHouse
// migrations.
//
// Words, used in the whole project:
//
//   - message: one Kafka record, or one line of a file; it has coordinates.
//   - event: the content of a message that every stage has accepted. It has
//     an identity (subscription, instant, action), so two messages may be
//     one event.
//   - dead letter: the durable record of a refused message.
//   - ledger: the append-only account of the outcome of each offset.
//
// Start with event.go and columns.go for the data, ledger.go and deadletter.go
// for the accounts, and migrations.go for the tables. ddl.go has the template
// functions of the SQL files, state.go the query of the view subscription_state.
// catalogue.go reads the tables and views back from the rendered DDL; the packages below
// write other formats of it.
//
// The package uses only the standard library and does no I/O. Its values are safe
// for concurrent reading.
package schemas
