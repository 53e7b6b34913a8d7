// Package sandbox puts the embedded servers together: a Kafka, a ClickHouse,
// and a simulated publisher that fills the one so that the other can be checked.
// The command of the same name and the end-to-end tests use it.
//
// Services own their servers until Close. One process can hold one ClickHouse
// engine at a time (the library's limit), so one Services at a time too; tests
// that share it use databases and topics of their own.
package sandbox
