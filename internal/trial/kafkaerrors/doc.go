// Package kafkaerrors has the trial in which brokers answer everything that Kafka's
// protocol allows, one fault after the other, while a consumer works.
//
// The main path: kafkaerrors.go strikes each fault of list.go. A fault is an error answer
// (list.go, by kfake's fault hooks), a corrupted answer (corrupted.go, by package
// corruptor), or a move of leaders or of the coordinator (moved.go) among the three
// brokers of three_brokers.go. To add one, append it in allFaults.
package kafkaerrors
