// Package metrics computes the metrics of a subscription business from events. It is the
// truth that the marts in SQL are compared with. So it uses neither SQL nor the state of
// the package world: two independent implementations of one text are compared.
//
// The text is docs/metrics.md. The main path:
//
//  1. newBook makes a life of each subscription and groups them by customer (tables.go).
//  2. A life folds the events up to each edge into a state, and keeps what figures need
//     as views (life.go, state.go).
//  3. Compute derives the tables, one file each.
//
// Words used here:
//
//   - edge: the end of a day or month, or the moment of the figures. Events strictly
//     before an edge count, so an instant belongs to the edges after it.
//   - fold: the state from the events before one edge. A Created with a later date
//     changes the states of edges after that date only.
//   - step: the effect of one event in the fold at the moment of the figures.
//   - view: what figures need of a state, for all edges until the next view.
//   - basis: where a price comes from: charged, list, or none.
//
// Amounts are exact. An average is rounded once, half away from zero.
package metrics
