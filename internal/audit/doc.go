// Package audit proves the promise of contract §4 from what is there: the ledger,
// Kafka's offsets, and the tables. It changes nothing, and works while consumers
// run.
//
// Words:
//
//   - covered: offsets that some row of the ledger accounts for, read or lost.
//   - gap: offsets below the committed one that no row covers. Ranges of the
//     ledger go from fetch position to fetch position, so transaction markers and
//     compacted offsets lie inside of them and are no gaps.
//   - read again: offsets that more than one row covers. Crashes and rebalances
//     make them, and the rows they rewrite are the same: harmless, counted.
//   - finding: something that breaks the promise. Note: something worth knowing
//     that does not.
//
// # The order of reading
//
// A flush writes rows, dead letters and filtered ids, then the ledger, then commits
// (pipeline's package comment). The audit reads in the opposite order, so that a
// flush under way can only show more than was promised, never less:
//
//  1. the committed offsets: what they promise is in the ledger by now;
//  2. the ledger: what it accounts for is in the tables by now;
//  3. the tables;
//  4. the log's ends, again: what the ledger has read is below them by now.
//
// What is above the committed offset of step 1 is not judged: it is read again if
// its flush does not end well. Two things can make a passing alarm: a replay, which
// removes rows before it writes them anew, and a retention that passes a consumer
// between two questions. The next audit tells.
package audit
