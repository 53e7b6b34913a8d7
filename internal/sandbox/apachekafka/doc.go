// Package apachekafka runs a real Apache Kafka broker, of one node, for tests
// that must not rest on an imitation: transactions, compaction, the group's
// coordinator as it is.
//
// It needs java (17 or later) and mvn on the PATH. The first start fetches the
// broker's jars, 54 MB, into the user's cache directory; later ones need no
// network.
package apachekafka
