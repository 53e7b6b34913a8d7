package pipeline

import (
	"fmt"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// verdict is what the assignment check decides for one partition.
type verdict struct {
	start     int64  // the offset to fetch first
	epoch     uint32 // the source epoch of everything read from now on
	readBelow int64  // parts that begin below may hold messages that have open dead letters
	lost      *schemas.LedgerRow
	lostCount int64 // offsets known to be lost
	ahead     int64 // offsets between the ledger's end and a committed offset beyond it
}

// recordAt asks Kafka for the timestamp of the record at exactly one offset;
// found is false where the offset holds no record.
type recordAt func(offset int64) (timestamp schemas.Millis, found bool, err error)

// judge compares what Kafka offers (the committed offset, the log's start and
// end) with what the ledger says was read, and decides where to go on. It is
// the one place where data loss is recognised:
//
//   - the log start has passed the position: retention was faster than us;
//   - the log ends before what was read, or another record stands at the last
//     offset that was read: the topic was made anew under its old name. Kafka's
//     metadata gives kafka-go no topic id, so the record itself is the witness.
//
// A last record that retention or compaction has removed can no longer testify;
// the partition then counts as the same one.
func judge(a consumer.Assignment, known sink.Position, at recordAt) (verdict, error) {
	v := verdict{epoch: known.Epoch, readBelow: known.ReadBelow}

	anew, err := recreated(a, known, at)
	if err != nil {
		return verdict{}, err
	}
	if anew {
		if !known.OnlyLost {
			v.epoch++
		}
		v.start, v.readBelow = a.LogStart, 0
		v.lost = lostRow(a, v.epoch, schemas.LostTopicRecreated, a.LogStart, a.LogStart)
		return v, nil
	}

	position := a.Committed
	if position < 0 {
		// The group's offsets are gone or were never there. The contract starts
		// at the first offset; what the ledger knows of tells whether retention
		// has eaten something meanwhile.
		position = a.LogStart
		if known.InLedger && !known.OnlyLost {
			position = min(known.NextOffset, a.LogStart)
		}
	}
	v.start = max(position, a.LogStart)
	if a.Committed < 0 {
		v.start = a.LogStart
	}
	if position < a.LogStart {
		v.lostCount = a.LogStart - position
		v.lost = lostRow(a, v.epoch, schemas.LostToRetention, position, a.LogStart)
	}
	if known.InLedger && !known.OnlyLost && a.Committed > known.NextOffset {
		v.ahead = a.Committed - known.NextOffset
	}
	return v, nil
}

func recreated(a consumer.Assignment, known sink.Position, at recordAt) (bool, error) {
	if a.Committed > a.HighWatermark {
		return true, nil
	}
	if !known.InLedger || known.OnlyLost || known.LastOffset < 0 {
		return false, nil
	}
	if known.LastOffset >= a.HighWatermark {
		return true, nil
	}
	if known.LastOffset < a.LogStart {
		return false, nil
	}
	timestamp, found, err := at(known.LastOffset)
	if err != nil {
		return false, fmt.Errorf("look at the last record read, %s/%d/%d: %w", a.Topic, a.Partition, known.LastOffset, err)
	}
	return found && timestamp != known.LastTimestamp, nil
}

func lostRow(a consumer.Assignment, epoch uint32, cause schemas.LostCause, start, next int64) *schemas.LedgerRow {
	return &schemas.LedgerRow{
		Source: schemas.SourceKafka, Name: a.Topic, Epoch: epoch, Partition: a.Partition,
		Kind: schemas.LedgerLost, Cause: cause, StartOffset: start, NextOffset: next, LastOffset: -1,
	}
}

// DataLossError says that messages were gone before they could be read, and
// stops the consumer while consumer.on_data_loss is fail.
type DataLossError struct {
	Topic     string
	Partition int32
	Cause     schemas.LostCause
	From, To  int64 // the lost offsets [From, To); empty for a topic made anew
}

func (e *DataLossError) Error() string {
	if e.Cause == schemas.LostTopicRecreated {
		return fmt.Sprintf("data loss in %s/%d: the topic is not the one that was read before (it was deleted and made anew, "+
			"or its log was cut), so whatever it held unread is gone", e.Topic, e.Partition)
	}
	return fmt.Sprintf("data loss in %s/%d: %d offsets [%d, %d) were removed by retention before they were read",
		e.Topic, e.Partition, e.To-e.From, e.From, e.To)
}
