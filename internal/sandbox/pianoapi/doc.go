// Package pianoapi simulates Piano: an HTTP server with the known behavior of the
// Publisher API and of the reports API, on top of a store of subscriptions.
//
// The main path of a request: Server.endpoint checks token, method and parameters
// (server.go). The faultInjector may replace the answer (faults.go, fault_answers.go).
// Then an endpoint reads the Store or runs an action of an Actor (endpoints.go), or serves
// an export (export.go, csv.go). A Store that is a Desk has more endpoints. Server.Changes
// lists the requests that changed something.
//
// Publisher (publisher.go) is the Store and Actor of a simulated world. It holds the
// lock and has four parts:
//
//   - recordStore (record_store.go): the records and the order of the lists.
//   - actionBuilder (action_kinds.go): the events of each action.
//   - scheduler (action.go): sends the events and changes the API, one of them late.
//   - renderer (render.go): the JSON fields of an account.
//
// Customer care and promo codes are in packages of their own. Package care reads the
// Publisher through its holdings (holding.go). Package promo has the promotions, and
// package wire has the form of requests and answers.
//
// Words used here:
//
//   - store: the subscriptions that the API has. Synthetic is a large Store that is
//     computed on demand.
//   - action: one thing that a subscriber or support does. It sends events and changes
//     the store as these events say, in either order.
//   - account: what the billing system knows about a subscription, before rendering.
//   - planted drift: a difference from the stream that was added on purpose.
//     Reconciliation must find it.
//   - fault: an answer that fails on purpose.
//   - holding: a subscription with what customer care needs of it.
//   - effect: a request that changed something.
//
// The answers have invented personal data where Piano has real data: every personal text
// contains a canary, and every address has a domain that is reserved for documentation. A
// few texts contain an attack. None of them may appear in the output of Pianola, except on
// a page for somebody who may see it. FindCanaries finds them (canary.go).
package pianoapi
