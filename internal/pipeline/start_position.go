package pipeline

import (
	"fmt"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// verdict is what the assignment check decides for one partition.
type startPosition struct {
	offset    int64  // the offset to fetch first
	epoch     uint32 // the source epoch of everything read from now on
	readBelow int64  // parts that begin below may hold messages that have open dead letters
	lost      []schemas.LedgerRow
}

// recordAt asks Kafka for the timestamp of the record at exactly one offset;
// found is false where the offset holds no record.
type recordAt func(offset int64) (timestamp schemas.Millis, found bool, err error)

// ledgerGaps asks the ledger which offsets of a range none of its rows accounts
// for, in the epoch of the position that is judged.
type ledgerGaps func(within sink.Range) ([]sink.Range, error)

// judge compares what Kafka offers (the committed offset, the log's start and
// end) with what the ledger says was read, and decides where to go on. It is
// the one place where data loss is recognised:
//
//   - the log ends before what was read, or another record stands at the last
//     offset that was read: the topic was made anew under its old name. Kafka's
//     metadata gives kafka-go no topic id, so the record itself is the witness;
//   - the log start has passed the position: retention was faster than us;
//   - the committed offset lies beyond the ledger, which is always written first:
//     somebody has moved it, or the tables were set back.
//
// Nothing is lost that the ledger accounts for, in this epoch, whatever the
// committed offset is: a process that ended between the two leaves it behind, and
// so does somebody who wants to read again.
//
// A last record that retention or compaction has removed can no longer testify;
// the partition then counts as the same one.
func decideStart(a consumer.Assignment, known sink.Position, at recordAt, gaps ledgerGaps) (startPosition, error) {
	v := startPosition{epoch: known.Epoch, readBelow: known.ReadBelow}
	anew, err := recreated(a, known, at)
	if err != nil {
		return startPosition{}, err
	}
	if anew {
		if !known.OnlyLost {
			v.epoch++
		}
		v.offset, v.readBelow = a.LogStart, 0
		v.lose(a, schemas.LostTopicRecreated, sink.Range{Start: a.LogStart, Next: a.LogStart})
		return v, nil
	}

	position := committed(a, known)
	v.offset = max(position, a.LogStart)
	switch {
	case position < 0:
		// The group's offsets are gone or were never there. The contract starts
		// at the first offset; what the ledger accounts for tells whether
		// retention has eaten something meanwhile.
		position = a.LogStart
		if known.InLedger {
			position = known.Reached
		}
	case known.InLedger && position > known.Reached:
		v.offset = max(min(position, a.HighWatermark), a.LogStart)
		if v.offset > known.Reached { // else it was moved beyond an end that the ledger has reached
			v.lose(a, schemas.LostToMovedOffset, sink.Range{Start: known.Reached, Next: v.offset})
		}
		return v, nil
	}
	if position < a.LogStart {
		if err := v.retained(a, known, position, gaps); err != nil {
			return startPosition{}, err
		}
	}
	return v, nil
}

// committed is the group's position, -1 without one. Where no message of the epoch
// has been read it cannot lie beyond the range that opened the epoch: then it is
// the former topic's, left by a process that ended between ledger and commit.
func committed(a consumer.Assignment, known sink.Position) int64 {
	if known.OnlyLost {
		return min(a.Committed, known.Reached)
	}
	return a.Committed
}

// retained names what retention has taken beyond the position, but for what the
// ledger accounts for.
func (v *startPosition) retained(a consumer.Assignment, known sink.Position, position int64, gaps ledgerGaps) error {
	gone := []sink.Range{{Start: position, Next: a.LogStart}}
	if known.InLedger && position < known.Reached {
		var err error
		if gone, err = gaps(gone[0]); err != nil {
			return fmt.Errorf("ask the ledger what it knows of %s/%d [%d, %d): %w", a.Topic, a.Partition, position, a.LogStart, err)
		}
	}
	for _, one := range gone {
		v.lose(a, schemas.LostToRetention, one)
	}
	return nil
}

// recreated says whether the topic is another one than the ledger has read.
func recreated(a consumer.Assignment, known sink.Position, at recordAt) (bool, error) {
	if known.InLedger && known.Reached > a.HighWatermark {
		return true, nil
	}
	if known.InLedger && known.LastOffset >= a.LogStart {
		timestamp, found, err := at(known.LastOffset)
		if err != nil {
			return false, fmt.Errorf("look at the last record read, %s/%d/%d: %w", a.Topic, a.Partition, known.LastOffset, err)
		}
		if found {
			return timestamp != known.LastTimestamp, nil
		}
	}
	// Without a witness, a log that ends before the group's position was cut.
	return committed(a, known) > a.HighWatermark, nil
}

func (v *startPosition) lose(a consumer.Assignment, cause schemas.LostCause, r sink.Range) {
	v.lost = append(v.lost, schemas.LedgerRow{
		Source: schemas.SourceKafka, Name: a.Topic, Epoch: v.epoch, Partition: a.Partition,
		Kind: schemas.LedgerLost, Cause: cause, StartOffset: r.Start, NextOffset: r.Next, LastOffset: -1,
	})
}

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
