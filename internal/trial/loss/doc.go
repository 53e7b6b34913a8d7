// Package loss has the trial in which messages disappear before they are read: retention
// deletes them, the topic is recreated, or the group's offsets are moved.
//
// The main path: loss.go draws one case after the other from a deck. A case (retention.go,
// recreate.go, offsets.go) causes a loss and calls rejectThenAccept or outcome (outcome.go).
// These check everything that Pianola must report (reports.go): the last line of a process
// with consumer.on_data_loss=fail, the ledger's rows, the metrics and the audit. What no
// process could read is taken out of the truth, message by message, and nothing else is.
//
// Words used here:
//
//   - history: how the topic was recreated, and which offsets were lost (world.TopicHistory).
//   - epoch: the number of the topic among the topics of its name. Each recreated topic
//     has the next one.
//   - named: a loss as the ledger names it. For a recreated topic the ledger cannot know
//     how much of the old one was unread.
package loss
