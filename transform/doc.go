// Package transform turns one message of the Piano Subscriber Event Stream into
// one event, one count or one dead letter. Its stages are pure: without I/O and
// without a clock.
//
// [Worker.Apply] (worker.go) runs the stages in this order (contract §2):
//
//	decode.go    JSON becomes typed fields; strict RFC 8259
//	utc.go       timestamps become UTC milliseconds
//	internal.go  events of internal users are filtered
//	email.go     the e-mail address becomes SHA-256
//	guard.go     an address in any other text becomes SHA-256
//	action.go    the action becomes one of the twelve
//
// address.go has the grammar of an address, and normalform.go its normal form.
// eventid.go computes the identity of the result, and event.go builds the event.
// Below decode.go are the scanner (scan.go, nested.go, number.go, escape.go) and
// the field table (record.go, fields.go, names.go); below utc.go the parsers
// (civil.go, epoch.go, zone.go). redact.go prepares a refused message for
// dead_letters.
//
// Words:
//
//   - message: the bytes of one Kafka record or of one line of a file.
//   - field: a name of the contract; any other name is unknown.
//   - text: the trimmed, decoded content of a field; nil when it is absent.
//   - address: an e-mail address by contract §2, not by RFC 5322.
//   - guard: the replacement of an address inside other text by its hash.
//   - normal form: the form in which an address is looked for and hashed.
//   - none: an optional timestamp of 1970, with which publishers mean that there
//     is none; never: one of 2200 or later, with the same meaning.
//
// [Rules] are compiled once and shared. A [Worker] belongs to one goroutine and
// reuses its memory, so that a message allocates nothing in the steady state.
package transform
