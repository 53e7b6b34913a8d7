// Package segment finds groups of subscribers, such as those who left on purpose in the last
// thirty days, for offers and experiments.
//
// Words:
//
//   - definition: a named rule with parameters. It is SQL of this package; values are query
//     parameters of ClickHouse and never part of the text.
//   - reference: a definition with values, written as a query: "ended?days=30&country=NO".
//   - visible subscription: one of a term that counts (payment or dynamic), that names a
//     user, and that is not internal.
//   - run: one materialisation: the users who matched at a moment. A new run replaces the one
//     before, and the last complete ones are kept.
//
// # The main path
//
// [Parse] reads a reference. [Segments.Preview] counts, and writes nothing.
// [Segments.Refresh] writes a run, and [Segments.Latest] and [Segments.Members] read the
// latest complete one. definitions.go has the rules, query.go what they have in common.
//
// Everything follows from the table subscriptions, which the events fill. The time of that
// state is the as_of of a run.
package segment
