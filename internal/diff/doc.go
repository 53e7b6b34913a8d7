// Package diff compares two databases on one server: what a replay into another database
// would change, or whether two ways of loading gave the same. It changes nothing.
//
// Words:
//
//   - first, second: the two databases, in the order of the arguments.
//   - event: a row of the view piano_subscriber_event_stream. It is read from the table
//     with FINAL, because the view rounds money. synced_at is not compared.
//   - print: a hash of an event's twenty columns. Sums of prints do not depend on an order.
//     Two sets of events are equal when their sums are.
//   - bucket: the events of a month whose subscriptions have the same hash, modulo
//     [buckets].
//   - changed: an event of both databases with other columns. Only in one: an event whose
//     identity the other does not have. A moved event is one of each.
//
// # The main path
//
// [Comparison.Run] goes through the months of both databases. For each month it asks both
// for a digest: events, money and prints by action and bucket (digest.go). Where digests
// differ, it reads the identities of those buckets from both in the order of the table and
// merges the two streams (events.go, ordered.go). So neither side holds a month in memory.
// A bounded sample of what differs is then read with its columns (sample.go). Dead letters
// are compared by reason, and filtered subscriptions by id (rest.go).
//
// A comparison that found nothing to compare is a difference. So is a month whose digests
// differ although its events do not: somebody writes while it is compared.
package diff
