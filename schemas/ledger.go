package schemas

// LedgerKind says what a ledger row accounts for.
type LedgerKind string

// The kinds (contract §3, ingest_ledger).
const (
	// LedgerFlush is a range that was read and became rows, dead letters,
	// filtered ids or skipped tombstones.
	LedgerFlush LedgerKind = "flush"
	// LedgerLost is a range that was gone, or stepped over, before it could be read.
	LedgerLost LedgerKind = "lost"
)

// LostCause is why a range was lost: what kept it from being read.
type LostCause string

// The causes.
const (
	// LostToRetention: the log start has passed the committed offset.
	LostToRetention LostCause = "retention"
	// LostTopicRecreated: the topic was made anew under its old name. The row
	// carries the new epoch and an empty range; what the old topic still held is
	// unknowable.
	LostTopicRecreated LostCause = "topic_recreated"
	// LostToMovedOffset: the committed offset lay beyond what the ledger had seen:
	// somebody had moved it. Kafka may still have the range.
	LostToMovedOffset LostCause = "offset_moved"
)

// LedgerRow is one flush of one partition, or one lost range: [StartOffset,
// NextOffset) from the fetch position to the position committed. Messages =
// Stored + Filtered + DeadLettered + Skipped holds for every row; offsets in
// the range that hold no record (transaction markers, compaction) count
// nowhere.
type LedgerRow struct {
	Source      Source
	Name        string
	Epoch       uint32
	Partition   int32
	Kind        LedgerKind
	Cause       LostCause // empty for a flush
	StartOffset int64
	NextOffset  int64

	Messages     uint64
	Stored       uint64
	Filtered     uint64
	DeadLettered uint64
	Skipped      uint64

	// LastOffset and LastTimestamp name the last record read, by which a topic
	// made anew is recognised. LastOffset is -1 where the range held no record.
	LastOffset    int64
	LastTimestamp Millis

	Token     string // the insert token of the flush; empty for a lost range
	Instance  string
	WrittenAt Millis
}
