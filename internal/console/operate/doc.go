// Package operate has the pages for the people who run Pianola: does it flow, is it right,
// and what needs a person.
//
// Words:
//
//   - border: where a part of the ledger begins. Before it is a gap, an overlap, or neither
//     (coveragesql.go).
//   - picture: the offsets of one partition over time, as SVG (staircase).
//   - plan: what somebody is going to change, before it is confirmed (package plans).
//
// [New] makes the section. Most pages are panels over the ledger, the dead letters and the
// runs of reconciliation. What ClickHouse does not know, such as the lag, comes from
// functions in [Deps], which the command connects with the packages of its own commands.
//
// Pages that change something need the role ops. Dead letters are redriven and dismissed by
// plans (lettersTask): the same work as pianola dlq, in the background, once. A job is
// canceled at once (cancelJob).
package operate
