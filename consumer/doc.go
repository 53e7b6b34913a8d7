// Package consumer reads from Kafka: group membership, the log ranges of assigned
// partitions, a fetch loop with read-committed isolation, and offset commits.
//
// Words, all of them Kafka's:
//
//   - generation: one stable membership of the group. It has an assignment
//     and lasts until the group rebalances. Offsets are committed in a
//     generation; a broker refuses a commit of an older one.
//   - assignment: the partitions that one member reads during one
//     generation.
//   - position: the offset of the next record to read. A committed offset is
//     a position, so it is the first offset that has not been processed.
//   - high watermark: the position after the last replicated record. Last
//     stable offset: the position of the first record of the oldest open
//     transaction, or the high watermark without one.
//   - control record: the commit or abort marker of a transaction. It
//     occupies an offset and is never returned.
//
// The main path, in reading order:
//
//   - Consumer.Run (run.go) waits for the topics (watch.go), joins the group
//     (group.go) and serves one generation after another.
//   - Consumer.assignments (assign.go) looks up the log range of every
//     partition. The Handler then runs for the generation (generation.go)
//     and commits in it.
//   - Reader.Next (reader.go) fetches (fetch.go, exchange.go, transport.go),
//     decodes the batches of a response (batches.go, recordbatch.go,
//     messageset.go, piece.go, decompress.go, zstd.go, aborted.go) and returns a
//     RecordSet.
//   - fetchmemory.go and workspace.go bound the memory of all readers together.
//   - Consumer.CheckBrokers (brokers.go) tries all of this without joining.
//   - Consumer.Offsets (groupoffsets.go, leaderoffsets.go), Describe (groupstate.go)
//     and CommitOffsets (groupcommit.go) are for tools: they do not join either.
//   - errors.go has the errors, classify.go their kinds.
//
// kafka-go does connections, TLS, SASL, routing to leaders and the group
// protocol. Fetch responses are decoded here, because kafka-go's decoder hides
// where a batch ends, skips some corrupt batches silently, and allocates for
// every record.
//
// No record is skipped silently: a record that is not returned is before the
// fetched position, belongs to an aborted transaction, or is a control record.
package consumer
