// Package kafkaerrors has the trial in which brokers answer everything that Kafka's
// protocol allows, one fault after the other, while a consumer works.
//
// The main path: kafkaerrors.go strikes each fault of list.go, at the three brokers of
// three_brokers.go. To add a fault, append it in allFaults. There are three kinds: an error
// answer by kfake's fault hooks, an answer that corruptor.go cuts, delays or damages, and a
// move of leaders or of the coordinator.
package kafkaerrors
