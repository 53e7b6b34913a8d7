package replay

// Cause is why the original of a dead letter cannot be read any more. The set is
// closed; the values are those of --json.
type Cause string

// The causes.
const (
	// Retention: the log begins after the offset now.
	Retention Cause = "retention"
	// TopicRecreated: the topic has been made anew under its name since, or its
	// log was cut, so that the coordinates mean nothing in it.
	TopicRecreated Cause = "topic_recreated"
	// TopicMissing: the topic is no longer there.
	TopicMissing Cause = "topic_missing"
	// OtherRecord: the record at the offset is not the one that was refused.
	OtherRecord Cause = "other_record"
	// NoRecord: the offset holds no record: compacted, or of an aborted
	// transaction.
	NoRecord Cause = "no_record"
	// NotKafka: the message came from a file.
	NotKafka Cause = "not_kafka"
)

// Causes is the closed set, in the order in which a report has them.
func Causes() []Cause {
	return []Cause{Retention, TopicRecreated, TopicMissing, OtherRecord, NoRecord, NotKafka}
}

// String says it to an operator.
func (c Cause) String() string {
	switch c {
	case Retention:
		return "removed by retention"
	case TopicRecreated:
		return "of a topic that has been made anew since, or whose log was cut"
	case TopicMissing:
		return "of a topic that no longer exists"
	case OtherRecord:
		return "whose offset now holds another record"
	case NoRecord:
		return "whose offset holds no record: compacted, or of an aborted transaction"
	case NotKafka:
		return "read from a file, which Kafka does not have"
	}
	return string(c)
}
