package window

import (
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/replay/job"
)

// Plan is what a replay would read. Its end is fixed: messages that arrive later are not
// part of it.
type Plan struct {
	Partitions []Partition `json:"partitions"`
	// Messages is how many offsets there are. Control records and compaction leave some
	// without a message.
	Messages    uint64    `json:"messages"`
	Removed     uint64    `json:"removed_by_retention"`
	NotConsumed uint64    `json:"not_consumed"`
	Filter      string    `json:"filter,omitempty"`
	Rate        float64   `json:"rate,omitempty"` // messages a second at most
	Rules       job.Rules `json:"rules"`
	Estimate    *Estimate `json:"estimate,omitempty"`
	Notes       []string  `json:"notes"`

	job job.Plan
}

// Partition is the offsets [From, To) of one partition.
type Partition struct {
	Topic     string `json:"topic"`
	Epoch     uint32 `json:"source_epoch"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from_offset"`
	To        int64  `json:"to_offset"`
	Messages  uint64 `json:"messages"`
	// First and Last are the timestamps of the first and the last record; nil where the
	// offset has no record, or the record has no timestamp.
	First *time.Time `json:"first_message_time"`
	Last  *time.Time `json:"last_message_time"`
	// Removed are the messages of the window that retention has removed. For a window of
	// times it is the most that the ledger knows.
	Removed uint64 `json:"removed_by_retention"`
	// NotConsumed are the messages that the consumer group has not committed. It will
	// write them too, by the rules it runs with.
	NotConsumed uint64 `json:"not_consumed"`

	LogStart int64 `json:"log_start"`
	LogEnd   int64 `json:"log_end"`
	// LastStable is the end for read_committed: what follows belongs to an open
	// transaction, or comes after its first message.
	LastStable int64 `json:"last_stable"`

	unstable uint64   // offsets of the window behind the last stable one
	pastEnd  bool     // the window asks for offsets behind the log
	timeForm timeForm // of the oldest record
}

// timeForm is what is unusual about the timestamps of a partition: Kafka finds records by
// milliseconds.
type timeForm string

const (
	withoutTime timeForm = "no timestamps"
	otherUnit   timeForm = "timestamps that are not in milliseconds"
)

func (p Partition) name() string { return fmt.Sprintf("%s/%d", p.Topic, p.Partition) }

// Estimate is how long the replay takes.
type Estimate struct {
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"messages_per_second"`
	Source  string  `json:"source"` // how the rate is known
}

// Empty reports whether the plan has nothing to read.
func (p *Plan) Empty() bool { return p.Messages == 0 }

// add adds a partition.
func (p *Plan) add(one Partition) {
	one.Messages = uint64(max(0, one.To-one.From))
	p.Partitions = append(p.Partitions, one)
	p.Messages += one.Messages
	p.Removed += one.Removed
	p.NotConsumed += one.NotConsumed
	if one.Messages > 0 {
		p.job.Ranges = append(p.job.Ranges, job.Range{Name: one.Topic, Epoch: one.Epoch, Partition: one.Partition, From: one.From, To: one.To})
	}
}
