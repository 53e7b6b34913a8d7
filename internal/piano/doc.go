// Package piano speaks to Piano's Publisher API and fetches its subscription-log
// export.
//
// What is known of the API was gathered from Piano's SDKs and public client code,
// not from live Piano, so the package says what it assumes and refuses clearly
// what differs: an answer of another shape is an error with the path of the field.
//
// Words:
//
//   - sweep: reading every subscription of every status, page by page, while rows
//     shift between pages.
//   - export: a subscription log that Piano prepares as a file (CSV).
//   - unknown outcome: a request that may change something and that got no answer
//     which tells. It is never sent again by this package: look first.
//
// Nothing personal is decoded: addresses and names of an answer are not even read
// into memory of their own. Errors hold no token, no parameter, and no text of
// Piano's that has not been through the guard (contract §2).
package piano
