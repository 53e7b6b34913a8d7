// Package consumer is Kafka in: membership of a consumer group, the facts about
// what was assigned, a fetch loop that keeps read-committed isolation, and the
// commit of offsets.
//
// Words used here, all of them Kafka's:
//
//   - generation: one stable membership of the group. It brings an assignment,
//     lives until the group rebalances, and offsets are committed in it; a
//     broker refuses a commit of a generation that is over.
//   - assignment: the partitions that one member reads during one generation.
//   - position: the offset of the next record to read. What is committed is a
//     position, so the committed offset is the first that has not been dealt
//     with.
//   - high watermark: the position after the last replicated record. Last stable
//     offset: the position of the first record of the oldest open transaction,
//     or the high watermark where there is none.
//   - control record: a transaction's commit or abort marker. It takes up an
//     offset and is never handed out.
//
// Connections, TLS, SASL, routing to leaders and the group's protocol are
// kafka-go's. Responses to fetches are decoded here, because kafka-go's own
// decoder hides where a batch ends, gives some corrupt batches up in silence,
// and allocates for every record.
//
// Nothing is skipped in silence: a record that is not handed out is below the
// position asked for, belongs to an aborted transaction, or is a control record.
package consumer
