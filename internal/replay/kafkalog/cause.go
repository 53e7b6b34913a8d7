package kafkalog

// Cause is why a record that was read before can no longer be read. The set is closed;
// the values are those of --json.
type Cause string

// The causes.
const (
	// Retention: the log now starts after the offset.
	Retention Cause = "retention"
	// TopicRecreated: the topic was recreated or its log was truncated, so the
	// coordinates mean nothing in it.
	TopicRecreated Cause = "topic_recreated"
	// TopicMissing: the topic no longer exists.
	TopicMissing Cause = "topic_missing"
	// OtherRecord: the record at the offset is not the one that was read.
	OtherRecord Cause = "other_record"
	// NoRecord: the offset has no record: it was compacted, or belongs to an aborted
	// transaction.
	NoRecord Cause = "no_record"
	// NotKafka: the message came from a file.
	NotKafka Cause = "not_kafka"
)

// Causes returns all causes, in the order of reports.
func Causes() []Cause {
	return []Cause{Retention, TopicRecreated, TopicMissing, OtherRecord, NoRecord, NotKafka}
}

// String describes the cause to an operator.
func (c Cause) String() string {
	switch c {
	case Retention:
		return "removed by retention"
	case TopicRecreated:
		return "of a topic that was recreated, or whose log was truncated"
	case TopicMissing:
		return "of a topic that no longer exists"
	case OtherRecord:
		return "whose offset now has another record"
	case NoRecord:
		return "whose offset has no record: compacted, or of an aborted transaction"
	case NotKafka:
		return "read from a file, which Kafka does not have"
	}
	return string(c)
}
