// Package faults has the trials of what fails around the service: processes, networks,
// the broker, ClickHouse, the clock and memory. A trial is a function that returns a
// [harness.Trial].
//
// Most scenarios have the same form: start processes, and run a [harness.FaultLoop] whose
// Strike causes one fault and heals it. The tables are compared by the harness, at the
// end of the round. A scenario returns an error for what the tables do not show: a
// process that ends, a rebalance that must not happen, memory above its bound.
package faults
