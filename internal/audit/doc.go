// Package audit checks the promise of contract §4 against the ledger, Kafka's offsets and
// the tables. It changes nothing, and works while consumers run.
//
// Words:
//
//   - covered: offsets that a ledger row accounts for, as read or lost.
//   - gap: offsets below the committed one that no row covers. A ledger range goes
//     from fetch position to fetch position, so transaction markers and compacted
//     offsets are inside the ranges and are no gaps.
//   - read again: offsets that more than one row covers. Crashes and rebalances cause
//     them. They write the same rows again, so they are harmless and only counted.
//   - finding: something that breaks the promise.
//   - note: an explanation of numbers that do not.
//   - deep: the audit that also reads Kafka again and looks for every message.
//
// # The order of reading
//
// A flush writes rows, dead letters and filtered ids, then the ledger, then commits
// (internal/pipeline/delivery.go). The audit reads in the opposite order, so that a
// concurrent flush can only show more than was promised, never less. Audit.Run does:
//
//  1. Kafka.Offsets: the committed offsets. What they promise is in the ledger.
//  2. readLedger: adds up the rows of each partition (account, coverage). What they
//     count is in the tables, so deadLetterCheck compares the dead letters.
//  3. checkIdentities: ClickHouse recomputes the event ids of the tables.
//  4. Kafka.Offsets again: the ends of the logs. What the ledger has read is below.
//
// matchEpochs then assigns Kafka's offsets to the ledger's epochs, and checkCoverage
// looks for gaps. A deep audit (reread) reads up to the committed offset and looks each
// message up (tables.lookUp) where today's or earlier rules may have put it.
//
// Messages above the committed offset of step 1 are not checked: they are read again
// when their flush fails. Two things can cause a false alarm that the next audit does
// not repeat, between two steps: a replay that moves an event, and retention that
// overtakes a consumer.
package audit
