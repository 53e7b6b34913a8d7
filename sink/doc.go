// Package sink is ClickHouse out: it turns accepted events into column chunks
// and makes them durable together with dead letters, filtered ids and the
// ledger.
//
// Words used here:
//
//   - chunk: the rows of one partition in column form, copied out of the
//     borrowed bytes of [schemas.Event].
//   - part: what one partition contributes to a flush; batch: the parts that
//     are flushed together, under one token.
//   - segment: the rows of a batch, or of a half of it, that go out in one
//     INSERT. A retry sends the same segment, block for block, under a token of
//     its own (attemptToken says why).
//   - class: what an error asks for, decided in one place (classify.go): the
//     same again, halves, bisecting, or stopping.
//   - refused row: one that ClickHouse itself will not take; it becomes a dead
//     letter with the reason rejected_by_server.
//
// [Writer.Flush] writes events, filtered ids, dead letters and resolutions, and
// the ledger, in this order, and returns nil only when all of it is in
// ClickHouse, so that offsets may be committed (contract §4). Every step may
// be repeated: rows are idempotent by key. Only the ledger is append-only, so of its
// rows with one (insert_token, source, source_name, source_partition) a reader
// takes the one written last.
//
// ClickHouse's error texts can hold column values, so they end here: an [Error]
// carries code and name, never the text.
package sink
