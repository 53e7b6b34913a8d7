// Package spoil sits in the connections of an embedded Kafka and does harm to its
// answers on their way out: what an error code cannot say.
package spoil
