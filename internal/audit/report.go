package audit

import (
	"fmt"
	"time"

	"github.com/pianola/pianola/schemas"
)

// Report is the result of an audit, as --json shows it.
type Report struct {
	At         time.Time    `json:"at"`
	Group      string       `json:"group"`
	Deep       bool         `json:"deep"`
	Clean      bool         `json:"clean"` // no findings
	Events     uint64       `json:"events"`
	Partitions []*Partition `json:"partitions"`
	Findings   []Finding    `json:"findings"`
	Notes      []string     `json:"notes"`
}

// Key identifies one partition in the ledger.
type Key struct {
	Source    schemas.Source `json:"source"`
	Topic     string         `json:"source_name"` // or a file's name
	Epoch     uint32         `json:"source_epoch"`
	Partition int32          `json:"source_partition"`
}

// String is the printed form of coordinates, without an offset.
func (k Key) String() string {
	if k.Epoch != 0 {
		return fmt.Sprintf("%s@%d/%d", k.Topic, k.Epoch, k.Partition)
	}
	return fmt.Sprintf("%s/%d", k.Topic, k.Partition)
}

// at names a range of the partition.
func (k Key) at(s span) string { return fmt.Sprintf("%s [%d, %d)", k, s.start, s.next) }

// Partition is the account of one partition in one epoch.
type Partition struct {
	Key

	// Start and Next bound what the ledger covers; both 0 without a row.
	Start     int64  `json:"start_offset"`
	Next      int64  `json:"next_offset"`
	Flushes   uint64 `json:"flushes"`
	Repeated  uint64 `json:"repeated_rows"` // further rows of one flush, not counted elsewhere
	Overlaps  uint64 `json:"overlaps"`      // ranges that overlap earlier ones
	ReadAgain uint64 `json:"read_again"`    // offsets, counted each time
	Gaps      int    `json:"gaps"`
	Lost      []Lost `json:"lost"`

	// The sums of the ledger. A message that was read again counts again.
	Messages     uint64 `json:"messages"`
	Stored       uint64 `json:"stored"`
	Filtered     uint64 `json:"filtered"`
	DeadLettered uint64 `json:"dead_lettered"`
	Skipped      uint64 `json:"skipped"`

	Rows   uint64   `json:"rows"`   // of subscription_events from this partition, all versions
	Kafka  *Brokers `json:"kafka"`  // null for old epochs, files, and topics that are not configured
	Reread *Reread  `json:"reread"` // null unless deep
}

// Lost is a range that was lost unread, and accepted.
type Lost struct {
	Start int64             `json:"start_offset"`
	Next  int64             `json:"next_offset"`
	Cause schemas.LostCause `json:"cause"`
}

// Brokers are Kafka's offsets at the start of the audit.
type Brokers struct {
	Committed  int64 `json:"committed"` // -1 without one
	LogStart   int64 `json:"log_start"`
	LogEnd     int64 `json:"log_end"`     // high watermark
	LastStable int64 `json:"last_stable"` // end of what a read_committed reader sees
	Behind     int64 `json:"behind"`      // offsets still to read
	// OpenTransaction counts the offsets that wait for an open transaction. They are
	// not in Behind, because nobody may read them yet.
	OpenTransaction int64 `json:"open_transaction"`
}

// Reread counts what the deep audit read from Kafka, by today's rules.
type Reread struct {
	Start        int64  `json:"start_offset"`
	Next         int64  `json:"next_offset"`
	Messages     uint64 `json:"messages"`
	Stored       uint64 `json:"stored"`
	Filtered     uint64 `json:"filtered"`
	DeadLettered uint64 `json:"dead_lettered"`
	Skipped      uint64 `json:"skipped"`
	// Otherwise counts messages that are where another outcome put them: by other
	// rules, another clock, or refused by ClickHouse.
	Otherwise uint64 `json:"otherwise"`
}
