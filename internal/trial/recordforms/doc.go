// Package recordforms has the trial in which the stream comes in every form that a Kafka
// record can have: codecs, batch sizes, keys, headers, timestamps, transactions, compacted
// topics, and values that are not events.
//
// The main path: forms.go kills a consumer now and then, while phases.go publishes the
// world. The publisher draws a batching (batching.go), takes the next messages with foreign
// records among them (take.go, invalid.go), decorates each with a key, headers and a
// timestamp (decorate.go), and writes them (producer.go). A ledger keeps what was written
// where (ledger.go). At the end the truth is calculated from what another client reads in
// the topic, compared with that ledger (log.go).
//
// To add a form, append a case to the table of its kind: keyForms, headerForms,
// absurdStamps, invalidValues, largeValues or batching.
package recordforms
