// Package reconcile compares Piano's subscriptions with the state that follows from
// the event stream, and keeps the differences in the table drift.
//
// Words:
//
//   - snapshot: all subscriptions as the API or an export has them, stored under one
//     id. It is complete when its last page is stored.
//   - as of: the moment that a snapshot describes: when reading it began.
//   - whole: a snapshot that contains every subscription. Only the views depend on it.
//   - tombstone: a row for a subscription that the API no longer lists.
//   - settle: to wait until messages that belong to the snapshot's moment are stored.
//   - candidate: a subscription that differs before the API is asked about it again.
//   - drift: a difference that remains after that.
//   - superseded: a run whose snapshot is older than that of a run that completed first.
//
// # Assumptions
//
// Another package or ClickHouse guarantees each of these:
//
//   - A1, API.Sweep: it passes on every subscription that exists during the whole
//     sweep, some more than once; the last one is the newest. After an error the
//     sweep is incomplete.
//   - A2, store.write and store.insert: nil means that the rows are in the table on
//     every shard. After an error any of them may be. A statement that runs twice
//     changes nothing more.
//   - A3, Stream.Positions: every message below a committed offset is stored
//     (internal/pipeline, I3).
//   - A4, the tables: ClickHouse keeps one row a key. The later synced_at wins in a
//     snapshot, the later written_at in the records of runs and snapshots, the later
//     compared_as_of in drift.
//
// # The five phases of a run
//
// run.phases (run.go) calls them in this order:
//
//  1. snapshot (snapshot.go, csv.go): store.fromAPI or store.fromCSV writes the rows
//     with a snapshotWriter. Its complete method adds tombstones (writeTombstones,
//     tombstone.go), decides whether the snapshot is whole (decideWhole) and writes the
//     state complete (snapshot_record.go).
//  2. settle (settle.go): waits for reconcile.settle, then until the consumer group has
//     committed what the log held at that time.
//  3. compare (compare.go): finds when the stream starts (readStreamStart), cuts the ids
//     into ranges (cut, ranges.go), finds the first events of the targets of changes
//     (findTargets) and compares one range a statement (queries/compare.sql). The results
//     are rows of reconciliation_comparisons under the run's id.
//  4. verify (verify.go): asks the API again about candidates (chooseCandidates,
//     askAgain) and compares the answers with the same statement.
//  5. drift (drift.go): counts the results for the report (countResults, report.go), then
//     opens, updates and closes drift one range at a time (writeDrift,
//     queries/drift.sql).
//
// run.complete writes the run's state last (run_record.go). cleanup (cleanup.go) drops old
// snapshots and what killed runs left, before the first phase and at the end.
//
// # Invariants
//
//   - I1: a view shows a snapshot only when its record says complete, and that is
//     written after its last row (A2).
//   - I2: a subscription with an event or a message later than the cutoff (as of
//     minus reconcile.settle) is not compared. So by A3 every compared subscription
//     has all its messages up to the cutoff.
//   - I3: results of phases 3 and 4 carry the run's id, and nobody else reads them.
//   - I4: each drift row is correct for the as of that it names, and depends on its
//     range alone. A later as of replaces it (A4). A run checks before each range
//     whether it is superseded.
//   - I5: a run is complete only after phase 5 has written every range.
//   - I6: a tombstone needs absence from two snapshots in a row, and at most
//     maxTombstonePercent of the subscriptions (or maxTombstonesOfFew) get one at a time.
//
// # Why no partial result is visible
//
// A run that ends in phases 1 to 4 leaves rows that no view shows (I1, I3), and the
// next cleanup drops them. A run that ends in phase 5 leaves some ranges as it found
// them and the others as the run before did. Each row is correct (I4), no record says
// that the run is complete (I5), and the next run goes through all ranges again. A
// repeated statement changes nothing (A2).
//
// schemas.StateQuery has the rules for the state, queries/compare.sql those of the
// comparison; docs/reconcile.md explains both.
package reconcile
