// Package recordforms has the trial in which the stream comes in every form that a Kafka
// record can have: codecs, batch sizes, keys, headers, timestamps, transactions, compacted
// topics, and values that are not events.
//
// The main path: forms.go kills a consumer now and then, while phases.go publishes the
// world:
//
//   - It draws a batching (batching.go).
//   - It takes the next messages, with foreign records among them (take.go, decorate.go).
//   - It decorates each with a key, headers and a timestamp (decorate.go).
//   - It writes them (producer.go), and keeps in a ledger where they are (ledger.go).
//
// At the end another client reads the topic. The truth is calculated from what it reads,
// after a comparison with the ledger (ledger.go).
//
// To add a form, append a case to the table of its kind: keyForms, headerForms,
// absurdStamps, invalidValues, largeValues or batching.
package recordforms
