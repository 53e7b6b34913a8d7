// Package statement finds the few clauses of a ClickHouse statement that a server
// has to know before the engine's parser does: whether an INSERT waits for data,
// and in which format, and the FORMAT clause of a query. It reads tokens, not
// grammar; what it does not recognise is left to the engine as it is.
package statement
