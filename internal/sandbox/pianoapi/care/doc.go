// Package care simulates the customer-care side of Piano: users, access, payments,
// conversions, inquiries, notes, e-mails, payment methods and the application itself.
//
// The main path: a Desk is a pianoapi.Publisher with more endpoints (desk.go). Most of what
// it returns is derived: from the subscriptions and their events, and by chance from the
// seed (file.go). Only what support changes is stored: the file of a user once something
// in it has changed, refunds, and revoked access.
//
// Words used here:
//
//   - file: what support has about one user beside the subscriptions.
//   - access: the right to use a resource. It belongs to a subscription, or is granted.
//   - charge: an event of a subscription that took money. A payment is a charge with its
//     refunds.
//   - conversion: a start, a renewal or a grant, as Piano counts them.
//   - settled: the payment provider has the money, so that it can be refunded.
package care
