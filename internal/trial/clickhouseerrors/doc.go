// Package clickhouseerrors has the trials in which ClickHouse answers with an error: one
// that passes (answers), one that needs an operator (refusals), and a full disk (disk).
//
// The main path of each is in the file of its name. All check what a process has left
// behind that was refused: nothing is committed beyond the ledger, and nothing is a dead
// letter that should not be (refusals.go). Rows that a real constraint rejects are
// expected dead letters, and redriven at the end (rejected_rows.go).
package clickhouseerrors
