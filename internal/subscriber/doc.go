// Package subscriber reads everything that the tables hold about one subscriber: for a
// person who answers the phone, and for a page.
//
// Words:
//
//   - key: what names the subscriber: a subscription id, a user id, or an e-mail address.
//     An address is hashed before it goes anywhere.
//   - report: the subscriptions that the key names, each with its state, its timeline, what
//     it paid, and what Piano's API says about it.
//   - mark: one thing that needs attention, such as a failed payment.
//
// # The main path
//
// [Reader.Read] finds the subscriptions of a key (find.go). It reads their state, events,
// snapshot rows, disagreements and dead letters, with one query each (read.go). Where the
// table's key begins with the subscription id, a query reads only their part of it. Then
// it writes the state of each subscription in words (words.go).
package subscriber
