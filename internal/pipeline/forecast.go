package pipeline

import (
	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// Start is where reading of one partition starts, and what is lost before it.
type Start struct {
	Offset int64
	Losses []*DataLossError
}

// Forecast returns what the next assignment check decides for a partition, for tools that
// show or move offsets. a must describe the log after known was read. Its committed offset
// must be from before, or the one that a tool is about to set. at and gaps are those of
// the check: a record of the partition, and the ranges that no ledger row of the epoch
// accounts for.
func Forecast(a consumer.Assignment, known sink.Position, at func(offset int64) (f consumer.Fingerprint, found bool, err error), gaps func(within sink.Range) ([]sink.Range, error)) (Start, error) {
	decided, err := decideStart(a, known, recordsBy(at), gaps)
	if err != nil {
		return Start{}, err
	}
	start := Start{Offset: decided.offset}
	for i := range decided.lost {
		start.Losses = append(start.Losses, lossOf(&decided.lost[i]))
	}
	return start, nil
}

// TopicRecreated reports whether the topic was recreated since the tables knew
// it, by the same evidence as the assignment check. a must describe the log after
// known was read. Its committed offset, where it matters, must be from before.
func TopicRecreated(a consumer.Assignment, known sink.Position, at func(offset int64) (f consumer.Fingerprint, found bool, err error)) (bool, error) {
	return recreated(a, known, recordsBy(at))
}

// recordsBy looks up records by their fingerprints.
func recordsBy(at func(offset int64) (f consumer.Fingerprint, found bool, err error)) recordAt {
	return func(offset int64) (lastRecord, bool, error) {
		f, found, err := at(offset)
		return lastRecordOf(f), found, err
	}
}

// SameRecord reports whether a ledger row has read this record at its last offset.
func SameRecord(f consumer.Fingerprint, row schemas.LedgerRow) bool {
	return !lastRecordOf(f).isOther(sink.Position{LastTimestamp: row.LastTimestamp, LastPayload: row.LastPayload})
}

// Identify is the part of a ledger row that identifies its last record.
func Identify(f consumer.Fingerprint, offset int64) schemas.LedgerRow {
	last := lastRecordOf(f)
	row := schemas.LedgerRow{LastOffset: offset, LastTimestamp: last.timestamp}
	if last.timestamp == 0 {
		row.LastPayload = last.payload
	}
	return row
}
