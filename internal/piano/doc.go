// Package piano is a client of Piano's Publisher API and of its subscription-log export.
//
// Piano's SDKs and public client code are the only source about the API: the client was
// never run against Piano. So the package states its assumptions, and rejects an answer
// of another form with the path of the field. In a list a few unreadable rows are reported
// and the others are read.
//
// Words:
//
//   - sweep: reading every subscription of every status, page by page, while rows shift
//     between pages.
//   - export: a subscription log that Piano prepares as a file (CSV).
//   - envelope: the JSON object around every answer, with Piano's code.
//   - unknown outcome: a request that may change something had no answer that shows
//     whether it was done. This package never sends it again: read the subscription
//     first.
//
// # The main path
//
// Every request goes through [Client] call: it waits for the rate limit, sends the
// request (once), opens the envelope, and retries what may be retried (repeatable).
// endpoints.go and endpoints_care.go list the calls, and which of them may change
// something. Those have a connection of their own, since net/http repeats a GET.
// [Client.Read] and [Client.Send] make the calls of customer care for package customer.
// [Client.Sweep] and [Client.Find] read lists with a pager, [Client.Get] reads one
// subscription, and the requests of act.go change one. [Client.Export] schedules an
// export, waits until it is ready and downloads the file. Package subscriptionlog reads
// it.
//
// Personal data is not decoded: addresses are read for the internal-user filter only and
// dropped, names are not read. Errors contain no token, no parameter, and a text of Piano's
// only where it is a known sentence (sentences.go).
package piano
