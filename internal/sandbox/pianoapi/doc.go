// Package pianoapi is a simulated Piano: an HTTP server that answers as the
// Publisher API and the reports API are known to, over a store of subscriptions.
//
// Words:
//
//   - store: what the API has to show. Publisher is that of a simulated world, and
//     goes on living; Synthetic is a large one that is computed and not held.
//   - action: what somebody does to a subscription. It sends its events and changes
//     the store as these events say, in either order.
//   - planted: a disagreement with the stream that was put in on purpose, which
//     reconciliation has to find.
//   - fault: an answer that goes wrong on requestedFault.
//
// Where real Piano has names and addresses, the answers have invented ones: every
// first name begins with CanaryFirst, every last name with CanaryLast, and every
// address is of a domain that is reserved for documentation. None of them may
// come out of Pianola.
package pianoapi
