package pipeline

import (
	"fmt"

	"github.com/pianola/pianola/schemas"
)

// DataLossPrefix begins the text of every DataLossError, before topic/partition.
const DataLossPrefix = "data loss in "

// DataLossError says that messages were gone, or stepped over, before they could
// be read, and stops the consumer while consumer.on_data_loss is fail.
type DataLossError struct {
	Topic     string
	Partition int32
	Cause     schemas.LostCause
	From, To  int64 // the lost offsets [From, To); empty for a topic made anew
}

func lossOf(row *schemas.LedgerRow) *DataLossError {
	return &DataLossError{Topic: row.Name, Partition: row.Partition, Cause: row.Cause, From: row.StartOffset, To: row.NextOffset}
}

// offsets counts the lost ones, 0 where they cannot be known.
func (e *DataLossError) offsets() int64 { return e.To - e.From }

func (e *DataLossError) Error() string {
	where := fmt.Sprintf(DataLossPrefix+"%s/%d", e.Topic, e.Partition)
	switch e.Cause {
	case schemas.LostTopicRecreated:
		return where + ": the topic is not the one that was read before (it was deleted and made anew, " +
			"or its log was cut), so whatever it held unread is gone"
	case schemas.LostToMovedOffset:
		return fmt.Sprintf("%s: the group's offset is beyond what the ledger has seen, by %d offsets [%d, %d) that were not ingested: "+
			"somebody moved it, or the tables were set back; move it to %d to read what Kafka still has",
			where, e.offsets(), e.From, e.To, e.From)
	default:
		return fmt.Sprintf("%s: %d offsets [%d, %d) were removed by retention before they were read", where, e.offsets(), e.From, e.To)
	}
}
