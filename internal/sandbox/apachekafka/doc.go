// Package apachekafka runs a single-node Apache Kafka broker, for tests that need the
// real implementation: of transactions, compaction and the group coordinator.
//
// The main path: Start gets the jars (jars.go), writes server.properties, formats the
// storage and starts the process (broker.go). Tests then kill, pause or restart it
// (disturb.go), or change the certificate of its secure listener (secure.go).
//
// It needs java (17 or later) and mvn on the PATH. The first start downloads the jars
// (54 MB) to the user's cache directory. Later starts need no network.
package apachekafka
