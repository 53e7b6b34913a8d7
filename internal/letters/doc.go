// Package letters reads dead letters for people: it counts, lists and shows them, and
// explains their reasons. The command `pianola dlq` and the console use it.
//
// Words:
//
//   - filter: which dead letters; the zero value selects the open ones ([Filter]).
//   - cursor: the place of one dead letter in the list, after which the next page begins
//     ([Cursor]). A page costs the same wherever it is.
//   - decision: one row of the table. A message has a row for each time that it was decided,
//     until ClickHouse merges them ([Reader.Decisions]).
//   - note: a text that an operator gives and the table keeps ([CheckNote]).
//
// The main path: [Reader.Count] and [Reader.Page] give what a filter selects, and
// [Reader.Find] gives one dead letter with its redacted payload and its [Meaning].
package letters
