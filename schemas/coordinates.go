package schemas

import "fmt"

// Source is the kind of place a message came from.
type Source string

// The sources (contract §3, subscription_events.source).
const (
	SourceKafka Source = "kafka"
	SourceFile  Source = "file"
)

// Coordinates say where one message is: they never collide, since Epoch rises
// when a topic has been made anew under its old name (contract §3).
type Coordinates struct {
	Source    Source
	Name      string // the topic, or the file
	Epoch     uint32 // 0, and one more for each accepted re-creation of the topic
	Partition int32  // 0 for a file
	Offset    int64  // the record's offset, or the 0-based row of a file
}

// String is how operators name a message: topic/partition/offset, and the epoch
// where it is not the first.
func (c Coordinates) String() string {
	if c.Epoch != 0 {
		return fmt.Sprintf("%s@%d/%d/%d", c.Name, c.Epoch, c.Partition, c.Offset)
	}
	return fmt.Sprintf("%s/%d/%d", c.Name, c.Partition, c.Offset)
}

// KafkaVersion is the version of a row read from Kafka: of two deliveries of
// one event the higher wins. It is the record's timestamp in milliseconds
// (never below 0) × 2^20 + offset mod 2^20 (contract §2). Rows from files have
// version 0.
func KafkaVersion(timestamp Millis, offset int64) uint64 {
	return uint64(max(timestamp, 0))<<20 + uint64(offset)&(1<<20-1)
}
