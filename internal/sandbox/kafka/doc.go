// Package kafka is the sandbox's broker: franz-go's kfake, which speaks Kafka's
// protocol in this process, with its data on disk, listening on loopback only.
//
// Words used here:
//
//   - broker: the one node of the cluster; it is its own controller and
//     coordinator.
//   - data directory: where the log segments, the topics and the groups'
//     offsets are kept. One process at a time may use it. What was acknowledged
//     outlives a killed process, not a machine that loses power.
//   - producer: a client tuned to fill a topic fast, with the timestamps and
//     partitions that its caller chose.
package kafka
