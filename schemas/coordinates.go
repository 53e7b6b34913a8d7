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
