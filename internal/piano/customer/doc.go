// Package customer reads one customer as Piano shows him to customer care, and makes the
// requests of care that change something. Everything here is live: nothing is kept.
//
// Words:
//
//   - personal: a value that names a person or that a person wrote. Its type is Personal,
//     which shows nothing unless a page asks with Reveal. It is never in an error or a log.
//   - change: a request that changes something. It is sent once (piano.Client.Send).
//   - features: which changes of subscriptions an application allows.
//
// # The main path
//
// [Client.Search] and [Client.List] find users; [Client.User] reads one. Stats, Accesses,
// Conversions, Inquiries, Notes and Mails read the parts of a customer's page. Payment and
// PaymentMethod read one object before and after a change of it. The changes are in
// changes.go. What an application has is read again after some minutes (kept.go).
//
// Piano's answers have several forms of one value: dates as numbers or texts, numbers as
// texts, and missing fields (piano-care.md §0). The types of scalar.go read all of them.
package customer
