// Package corruptor damages, cuts or delays the answers of an embedded Kafka on their way
// to a client: what an error code cannot express. [Corruptor.Listener] wraps the broker's
// connections, and a [Corruption] says what happens to which answers.
package corruptor
