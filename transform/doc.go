// Package transform turns one message of the Piano Subscriber Event Stream into
// one event, one count or one dead letter: the pure stages of the data contract,
// without I/O and without a clock of their own.
//
// The stages run in this order, one file each (contract §2):
//
//	decode.go    JSON becomes typed fields; strict RFC 8259
//	utc.go       timestamps become UTC milliseconds
//	internal.go  events of internal users are filtered
//	email.go     addresses become SHA-256, everywhere
//	action.go    the action becomes one of the twelve
//
// and eventid.go gives the result its identity. Words used here:
//
//   - message: the bytes of one Kafka record or of one line of a file.
//   - field: a name the contract knows; anything else is an unknown name.
//   - text: the trimmed, decoded content of a field; nil where it is absent.
//   - address: an e-mail address as contract §2 spells it, not as RFC 5322 does.
//   - guard: what replaces an address inside any other text by its hash.
//   - never: a timestamp of 2200 or later, by which publishers mean none.
//
// [Rules] are compiled once and shared. A [Worker] belongs to one goroutine and
// reuses its memory, so that a message costs no garbage in the steady state.
package transform
