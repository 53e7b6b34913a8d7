// Package kafka is the broker of the sandbox: franz-go's kfake, which implements the
// Kafka protocol in this process. It stores its data on disk and listens only on
// loopback.
//
// The main path: Start locks the data directory, starts kfake with the options
// for listener, TLS and logins (advertise.go, login.go), and creates the topics
// (broker.go). A Producer fills them (producer.go).
//
// Words used here:
//
//   - broker: the only node of the cluster. It is also controller and coordinator.
//   - data directory: holds log segments, topics and group offsets. Only one process at a
//     time can use it. Acknowledged data survives a killed process, but not a power
//     failure.
//   - producer: a client that fills a topic fast, with timestamps and partitions of the
//     caller's choice.
package kafka
