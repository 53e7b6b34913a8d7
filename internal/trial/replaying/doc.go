// Package replaying is the trial of a replay in place: a rule changes, and what was read
// before is read again, while the stream continues and somebody reads the tables.
//
//   - window: the messages that the consumer has read under the earlier rules, and those
//     that it has read since.
//   - move: the identities that a message gives its event under the earlier and the later
//     rules. Most messages do not move.
//   - support: resumes and upgrades subscriptions all through, with the commands of the binary
//     and a simulated Piano. Its events stand between the messages of the world (support.go).
//   - reader: polls the published view all through. Each message of the first reading must
//     be visible under one of its identities in every poll.
//
// A round reads most of the world under the default rules (scenario.go). Then the source
// time zone changes, and an action gets a synonym. The consumer starts again with the later
// rules, and `pianola replay kafka --execute` is killed and resumed (kills.go) until it is
// complete. The truth is that of package world after a replay, with the events of support.
// At the end a reconciliation must find that the stream and Piano agree.
package replaying
