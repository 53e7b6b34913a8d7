package schemas

// LedgerKind is the kind of a ledger row.
type LedgerKind string

// The kinds (contract §3, ingest_ledger).
const (
	// LedgerFlush is a range that was read: rows, dead letters, filtered ids or
	// skipped tombstones.
	LedgerFlush LedgerKind = "flush"
	// LedgerLost is a range that was removed or skipped before it was read.
	LedgerLost LedgerKind = "lost"
	// LedgerReplay is a range that a job read again. It is no coverage of the
	// consumer.
	LedgerReplay LedgerKind = "replay"
)

// LostCause is why a range was not read.
type LostCause string

// The causes.
const (
	// LostToRetention: the log start is past the committed offset.
	LostToRetention LostCause = "retention"
	// LostTopicRecreated: the topic was recreated under its old name. The row has
	// the new epoch and an empty range. The unread records of the old topic are
	// unknown.
	LostTopicRecreated LostCause = "topic_recreated"
	// LostToMovedOffset: the committed offset was past the ledger, because
	// someone moved it. Kafka may still have the range.
	LostToMovedOffset LostCause = "offset_moved"
)

// LedgerRow is one flush of one partition, one chunk of a job, or one lost range:
// [StartOffset, NextOffset) from the fetched position to the committed one. Messages = Stored +
// Filtered + DeadLettered + Skipped holds for every row. Offsets without a record
// (control records, compaction) are not counted.
type LedgerRow struct {
	Source      Source
	Name        string
	Epoch       uint32
	Partition   int32
	Kind        LedgerKind
	Cause       LostCause // of a lost range
	StartOffset int64
	NextOffset  int64

	Messages     uint64
	Stored       uint64
	Filtered     uint64
	DeadLettered uint64
	Skipped      uint64

	// LastOffset and LastTimestamp are those of the last read record. They
	// identify a recreated topic. LastOffset is -1 when the range had no record.
	LastOffset    int64
	LastTimestamp Millis
	// LastPayload is the SHA-256 of the last record's value in hexadecimal, when it
	// has no timestamp. Otherwise it is empty.
	LastPayload string

	Token    string // the insert token of the flush; empty for a lost range
	JobID    string // of kind replay
	Instance string
	SyncedAt Millis // of the event rows
}
