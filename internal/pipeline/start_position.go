package pipeline

import (
	"encoding/hex"
	"fmt"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// startPosition is the decision of the assignment check for one partition.
type startPosition struct {
	offset    int64  // the offset to fetch first
	epoch     uint32 // the source epoch of all records read from here
	readBelow int64  // parts that start below may hold messages with open dead letters
	lost      []schemas.LedgerRow
}

// lastRecord is what identifies a record, as the ledger stores it.
type lastRecord struct {
	timestamp schemas.Millis // 0 without one
	payload   string         // SHA-256 in hexadecimal
}

func lastRecordOf(f consumer.Fingerprint) lastRecord {
	at, _ := schemas.RecordTime(f.Timestamp)
	return lastRecord{at, hex.EncodeToString(f.Payload[:])}
}

// isOther reports whether the ledger has read another record at this offset. Without
// timestamps the payload decides.
func (r lastRecord) isOther(known sink.Position) bool {
	return r.timestamp != known.LastTimestamp || r.timestamp == 0 && known.LastPayload != "" && r.payload != known.LastPayload
}

// recordAt returns the record at exactly one offset. found is false when the offset
// holds no record.
type recordAt func(offset int64) (at lastRecord, found bool, err error)

// ledgerGaps returns the offsets of a range that no ledger row of this epoch
// accounts for.
type ledgerGaps func(within sink.Range) ([]sink.Range, error)

// decideStart compares what Kafka has (committed offset, log start, high
// watermark) with what the ledger says was read, and decides where reading
// starts. It is the only place that detects data loss:
//
//   - The log ends before what was read, or the record at the last read
//     offset has another timestamp (or without timestamps another payload):
//     the topic was recreated under its old name. kafka-go does not return topic ids, so the record is the only
//     evidence.
//   - The log start is past the position: retention removed unread records.
//   - The committed offset is past the ledger, which is always written
//     first: someone moved the offset, or the tables were restored from a
//     backup.
//
// Offsets that the ledger accounts for in this epoch are not lost, wherever the
// committed offset is. A process that ended between ledger and commit leaves the
// offset behind, and so does someone who wants to read again.
//
// When retention or compaction has removed the last read record, there is no
// evidence, and the topic counts as the same one.
func decideStart(a consumer.Assignment, known sink.Position, at recordAt, gaps ledgerGaps) (startPosition, error) {
	v := startPosition{epoch: known.Epoch, readBelow: known.ReadBelow}
	topicRecreated, err := recreated(a, known, at)
	if err != nil {
		return startPosition{}, err
	}
	if topicRecreated {
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
		// The group has no committed offset, or it expired. The contract starts
		// at the first offset. The ledger shows whether retention removed
		// something meanwhile.
		position = a.LogStart
		if known.InLedger {
			position = known.Reached
		}
	case known.InLedger && position > known.Reached:
		v.offset = max(min(position, a.HighWatermark), a.LogStart)
		if v.offset > known.Reached { // else the offset was moved past an end that the ledger has reached
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

// committed returns the group's offset, or -1. In an epoch without a flush it is
// never past the range that opened the epoch: a higher offset belongs to the old
// topic and was left by a process that ended between ledger and commit.
func committed(a consumer.Assignment, known sink.Position) int64 {
	if known.OnlyLost {
		return min(a.Committed, known.Reached)
	}
	return a.Committed
}

// retained adds what retention removed after the position and the ledger does not
// account for.
func (v *startPosition) retained(a consumer.Assignment, known sink.Position, position int64, gaps ledgerGaps) error {
	gone := []sink.Range{{Start: position, Next: a.LogStart}}
	if known.InLedger && position < known.Reached {
		var err error
		if gone, err = gaps(gone[0]); err != nil {
			return fmt.Errorf("read ledger gaps of %s/%d [%d, %d): %w", a.Topic, a.Partition, position, a.LogStart, err)
		}
	}
	for _, one := range gone {
		v.lose(a, schemas.LostToRetention, one)
	}
	return nil
}

// recreated reports whether the ledger has read another topic of this name.
func recreated(a consumer.Assignment, known sink.Position, at recordAt) (bool, error) {
	if known.InLedger && known.Reached > a.HighWatermark {
		return true, nil
	}
	if known.InLedger && known.LastOffset >= a.LogStart {
		last, found, err := at(known.LastOffset)
		if err != nil {
			return false, fmt.Errorf("read last read record %s/%d/%d: %w", a.Topic, a.Partition, known.LastOffset, err)
		}
		if found {
			return last.isOther(known), nil
		}
	}
	// Without evidence, a log that ends before the group's offset was truncated.
	return committed(a, known) > a.HighWatermark, nil
}

func (v *startPosition) lose(a consumer.Assignment, cause schemas.LostCause, r sink.Range) {
	v.lost = append(v.lost, schemas.LedgerRow{
		Source: schemas.SourceKafka, Name: a.Topic, Epoch: v.epoch, Partition: a.Partition,
		Kind: schemas.LedgerLost, Cause: cause, StartOffset: r.Start, NextOffset: r.Next, LastOffset: -1,
	})
}

// DataLossPrefix starts the text of every DataLossError, before topic/partition.
const DataLossPrefix = "data loss in "

// DataLossError reports messages that were removed or skipped before they were
// read. It stops the consumer when consumer.on_data_loss is fail.
type DataLossError struct {
	Topic     string
	Partition int32
	Cause     schemas.LostCause
	From, To  int64 // the lost offsets [From, To); empty for a recreated topic
}

func lossOf(row *schemas.LedgerRow) *DataLossError {
	return &DataLossError{Topic: row.Name, Partition: row.Partition, Cause: row.Cause, From: row.StartOffset, To: row.NextOffset}
}

// offsets is the number of lost offsets, 0 when it is unknown.
func (e *DataLossError) offsets() int64 { return e.To - e.From }

func (e *DataLossError) Error() string {
	where := fmt.Sprintf(DataLossPrefix+"%s/%d", e.Topic, e.Partition)
	switch e.Cause {
	case schemas.LostTopicRecreated:
		return where + ": the topic was deleted and recreated, or its log was truncated; " +
			"unread messages of the old topic are lost"
	case schemas.LostToMovedOffset:
		return fmt.Sprintf("%s: the committed offset is past the ledger by %d offsets [%d, %d) that were not ingested: "+
			"someone moved the offset, another application uses kafka.group, or the tables were restored; reset the offset to %d to read what Kafka still has (pianola offsets reset --from-ledger)",
			where, e.offsets(), e.From, e.To, e.From)
	default:
		return fmt.Sprintf("%s: %d offsets [%d, %d) were removed by retention before they were read", where, e.offsets(), e.From, e.To)
	}
}
