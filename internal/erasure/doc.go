// Package erasure removes people from every table, physically, and keeps them out: for
// `pianola erase` and `pianola purge-internal`.
//
// Words:
//
//   - subject: what is looked for: user ids, subscription ids and hashes of addresses.
//   - decision: what a column of a table may hold, and so what happens to a row. The
//     decisions are derived from the schema by the names of columns; a test fails for
//     a column that nobody has decided.
//   - targets: the subject in the working table erasure_targets, while an erasure is
//     under way. Statements name the table and no id, so no log of queries keeps one.
//   - bound: after which every process obeys the suppression list.
//
// The order of Execute is what makes it complete beside running consumers:
//
//  1. The targets are written, so that a repetition after a kill finds them.
//  2. The suppression list gets the keyed hashes.
//  3. It waits for the bound. Then no process writes a row of the subject any more.
//  4. Rows are deleted, and texts that name the subject are cleared.
//  5. All tables are scanned. What came in between is deleted again.
//  6. The account is written, and the targets are dropped.
//
// Start with eraser.go, whose Execute has these steps. subject.go finds who is meant, plan.go
// counts the rows, decisions.go says what happens to them.
package erasure
