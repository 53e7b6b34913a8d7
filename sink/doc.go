// Package sink writes to ClickHouse. It builds accepted events into column chunks
// and makes them durable together with dead letters, filtered ids and the ledger.
//
// Words:
//
//   - chunk: the rows of one partition in column form, copied from the
//     borrowed bytes of [schemas.Event].
//   - part: what one partition contributes to a flush; batch: the parts of
//     one flush, under one token.
//   - segment: the rows of a batch, or of a half of it, that one INSERT
//     sends. A retry sends the same segment, block for block, under its own
//     token (attemptToken explains why).
//   - class: how to handle an error, decided in one place (classify.go):
//     retry, split, row (find the refused rows) or fatal (stop).
//   - refused row: a row that ClickHouse does not accept, and that is not in
//     the table. It becomes a dead letter with the reason rejected_by_server.
//   - marker: a row with is_deleted 1. It hides the row of the same event and
//     version, whose message gives another event by today's rules.
//   - departure: an event that a message no longer gives. successor: another
//     delivery that gives it, and whose row takes over.
//   - view failure: a materialized view on a table failed, so that ClickHouse
//     reported a failed INSERT, but the rows are in the table.
//
// The main path is [Writer.Flush] (flush.go):
//
//   - wholeBatch (segment.go) makes one segment of all rows.
//   - inserter.insert (insert.go) sends it over the native or HTTP transport
//     (native.go, http.go). deliverer.deliver (deliver.go) retries each
//     attempt by the class of its error (classify.go). lookup.go asks the
//     table for rows after a failure.
//   - guard (guard.go) stops the process when too many rows were refused.
//   - writeFiltered (rows.go), decide and writeDeadLetters (flush.go,
//     deadletters.go) and resolve (recheck.go) write filtered ids, dead
//     letters and resolutions.
//   - appendLedger (ledger.go) writes the ledger last.
//
// Flush returns nil only when all of it is in ClickHouse, so that offsets may be
// committed (contract §4). Every step may be repeated: rows are idempotent by
// key. Only the ledger is append-only. Of its rows with one (insert_token,
// source, source_name, source_partition) a reader takes the one that was written
// last.
//
// [Writer.Replace] (replace.go) is for jobs that read a range again. It finds the
// rows in force of all events concerned (eventlevels.go), decides what to write
// (replaceplan.go, successors.go), and writes it in an order in which no reader
// misses an event. [Writer.Compare] (compare.go) only counts what it would change.
//
// The chunk is in chunk.go, its columns in column.go, lowcardinality.go and
// dictionary.go. [Writer.Positions] and [Writer.LedgerGaps] (ledger_read.go) are
// for the assignment check, [Writer.Redrive] (redrive.go) for `pianola dlq
// redrive`.
//
// ClickHouse's error texts can hold column values, so they end here: an [Error]
// carries code and name, never the text.
package sink
