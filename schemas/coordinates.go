package schemas

import "fmt"

// Source is where a message comes from.
type Source string

// The sources (contract §3, subscription_events.source).
const (
	SourceKafka Source = "kafka"
	SourceFile  Source = "file"
)

// Coordinates identify one message. They never collide, because Epoch increases
// when a topic was recreated (contract §3).
type Coordinates struct {
	Source    Source
	Name      string // the topic, or the file
	Epoch     uint32 // 0, plus one for each accepted recreation of the topic
	Partition int32  // 0 for a file
	Offset    int64  // the record's offset, or the 0-based row of a file
}

// String is topic/partition/offset, with the epoch unless it is 0.
func (c Coordinates) String() string {
	if c.Epoch != 0 {
		return fmt.Sprintf("%s@%d/%d/%d", c.Name, c.Epoch, c.Partition, c.Offset)
	}
	return fmt.Sprintf("%s/%d/%d", c.Name, c.Partition, c.Offset)
}

// KafkaVersion is the version of a row from Kafka: of two deliveries of one event
// the higher wins. It is the record's timestamp in milliseconds (at least 0) ×
// 2^20 + offset mod 2^20 (contract §2). Rows from files have version 0.
func KafkaVersion(timestamp Millis, offset int64) uint64 {
	return uint64(max(timestamp, 0))<<20 + uint64(offset)&(1<<20-1)
}
