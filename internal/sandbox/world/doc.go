// Package world simulates a publisher. Its subscribers have one year of subscription
// events, and the events become Kafka messages in every notation that the contract
// accepts and with every fault that it rejects. The package also knows what a correct
// pipeline must store.
//
// The main path:
//
//  1. New makes the people and their first subscriptions (world.go, person.go),
//     simulates each subscription's life as a list of events (life.go, period.go,
//     ending.go), and plans the deliveries of each event (schedule.go).
//  2. Messages encodes the deliveries in order (encoder.go, encode_*.go). The encoder
//     picks the values and notations, and its fieldWriter knows the JSON forms.
//  3. Truth encodes them again and keeps what the encoder's oracle expects: rows, dead
//     letters, filtered subscriptions and counts (oracle.go, truth.go).
//  4. Compare reads the tables and views of a database and reports every difference
//     from the truth (compare.go, compare_*.go).
//
// Words used here:
//
//   - life: the events of one subscription. Its probabilities are the constants of
//     life.go, period.go and ending.go.
//   - delivery: one message of the schedule. One event may have several: redelivered
//     in the same bytes, encoded in other notations, corrected, or with a fault.
//   - variant: the random number that decides all notations of a delivery.
//   - fault: one way to break a message, with the reason and the field that the
//     contract assigns.
//   - oracle: what a correct pipeline makes of one message. It never reads the message.
//   - rules: settings of the pipeline that decide what a message means. The same messages
//     have another truth under other rules (rules.go, truth_rules.go).
//   - identity: subscription, instant and action. Under other rules an event may have
//     several, one for each notation.
//   - heir: a row that took over from a message of a higher version, after a replay
//     (heir.go).
//   - truth: what the tables must hold after every message was consumed. It uses
//     neither the project's transform nor its sink, so that two independent
//     implementations are compared.
//
// Everything is a function of the Config: without a clock or global randomness, the
// same seed gives the same bytes on every machine. A World does not change after New,
// and several goroutines may read it.
package world
