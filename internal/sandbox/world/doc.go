// Package world is a simulated publisher: subscribers live a year, their
// subscriptions' events are told as messages in every notation that the
// contract accepts and in every way that it refuses, and what a correct
// pipeline must make of them is known.
//
// Words used here:
//
//   - life: what happens to one subscription, as clean compact events; its
//     parameters are those of the table "The simulated world".
//   - delivery: one message of the schedule. An event may be delivered several
//     times: again in the same bytes, told anew, corrected, broken.
//   - encoded: writing one delivery as bytes. The encoder knows the event and
//     picks the notation, so it knows the row that must come out.
//   - fault: one way to break a message, with the reason and field that the
//     contract gives it.
//   - truth: what the tables must hold after every message has been consumed. It
//     is kept at the encoded and never reads a message back, and it uses neither
//     the project's transform nor its sink: two independent opinions are
//     compared.
//
// Everything is a function of the Config. There is no clock and no global
// randomness in it, so the same seed gives the same bytes on every machine. A
// World does not change once it is built and may be read by several goroutines
// at once.
package world
