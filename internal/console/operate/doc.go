// Package operate has the pages for the people who run Pianola: does it flow, is it right,
// and what needs a person.
//
// [New] makes the section. Most pages are panels over the ledger, the dead letters and the
// runs of reconciliation. What ClickHouse does not know, such as the lag, comes from
// functions in [Deps], which the command connects with the packages of its own commands.
package operate
