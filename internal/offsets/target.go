package offsets

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/pipeline"
)

// TargetKind is how a reset chooses offsets.
type TargetKind string

// The kinds, by the flags of the command.
const (
	ToEarliest TargetKind = "to_earliest" // the start of the log
	ToLatest   TargetKind = "to_latest"   // the high watermark
	ToTime     TargetKind = "to_datetime" // the first record with this timestamp or a later one
	ToOffset   TargetKind = "to_offset"
	ShiftBy    TargetKind = "shift_by"    // relative to the committed offset
	FromLedger TargetKind = "from_ledger" // the end of what the ledger accounts for
)

// Target is what a reset asks for.
type Target struct {
	Kind   TargetKind
	Offset int64     // of ToOffset; the distance of ShiftBy
	Time   time.Time // of ToTime
}

// Note explains an offset that differs from what the target says.
type Note string

// The notes. Kafka clamps offsets in the same way.
const (
	BelowLogStart Note = "below_log_start"     // clamped to the start of the log
	BeyondLogEnd  Note = "beyond_log_end"      // clamped to the end of the log
	NoLaterRecord Note = "no_later_record"     // the end of the log: no record has this timestamp or a later one
	NotInLedger   Note = "not_in_ledger"       // the start of the log: the ledger has no row
	OtherTopic    Note = "topic_was_recreated" // the start of the log: the ledger's rows are of the old topic
)

// wanted is the offset of a target in one partition.
type wanted struct {
	offset int64
	note   Note
}

// resolve returns the offset of the target in each partition, within the log.
func (g *Group) resolve(ctx context.Context, t Target, all []surveyed, records []recordAt) ([]wanted, error) {
	found, err := g.unclamped(ctx, t, all, records)
	for i := range found {
		w, one := &found[i], &all[i]
		switch {
		case w.offset < one.LogStart:
			w.offset, w.note = one.LogStart, BelowLogStart
		case w.offset > one.HighWatermark:
			w.offset, w.note = one.HighWatermark, BeyondLogEnd
		}
	}
	return found, err
}

func (g *Group) unclamped(ctx context.Context, t Target, all []surveyed, records []recordAt) ([]wanted, error) {
	switch t.Kind {
	case ToTime:
		return g.atTime(ctx, t.Time, all)
	case FromLedger:
		return fromLedger(all, records)
	case ShiftBy:
		return shift(t.Offset, all)
	}
	found := make([]wanted, len(all))
	for i, one := range all {
		switch t.Kind {
		case ToEarliest:
			found[i].offset = one.LogStart
		case ToLatest:
			found[i].offset = one.HighWatermark
		case ToOffset:
			found[i].offset = t.Offset
		default:
			return nil, fmt.Errorf("reset %s: is not a target", t.Kind)
		}
	}
	return found, nil
}

// atTime asks Kafka. A partition without such a record gets the end of its log.
func (g *Group) atTime(ctx context.Context, at time.Time, all []surveyed) ([]wanted, error) {
	assignments := make([]consumer.Assignment, len(all))
	for i, one := range all {
		assignments[i] = one.Assignment
	}
	offsets, err := g.Kafka.OffsetsForTime(ctx, at, assignments)
	if err != nil {
		return nil, err
	}
	found := make([]wanted, len(all))
	for i, offset := range offsets {
		found[i].offset = offset
		if offset < 0 {
			found[i] = wanted{all[i].HighWatermark, NoLaterRecord}
		}
	}
	return found, nil
}

// fromLedger never skips a message: without a row that describes this topic, reading
// starts at the first record.
func fromLedger(all []surveyed, records []recordAt) ([]wanted, error) {
	found := make([]wanted, len(all))
	for i, one := range all {
		if !one.known.InLedger {
			found[i] = wanted{one.LogStart, NotInLedger}
			continue
		}
		uncommitted := one.Assignment // the group's offset is no evidence: it is about to change
		uncommitted.Committed = -1
		recreated, err := pipeline.TopicRecreated(uncommitted, one.known, records[i])
		if err != nil {
			return nil, err
		}
		found[i].offset = one.known.Reached
		if recreated {
			found[i] = wanted{one.LogStart, OtherTopic}
		}
	}
	return found, nil
}

// maxNamed is how many partitions, or client ids, an error names.
const maxNamed = 5

// shift needs a committed offset in every partition, as kafka-consumer-groups does.
func shift(by int64, all []surveyed) ([]wanted, error) {
	found := make([]wanted, len(all))
	var without []string
	for i, one := range all {
		found[i].offset = shifted(one.Committed, by)
		if one.Committed < 0 {
			without = append(without, fmt.Sprintf("%s/%d", one.Topic, one.Partition))
		}
	}
	if n := len(without); n > 0 {
		names := strings.Join(without[:min(n, maxNamed)], ", ")
		if n > maxNamed {
			names += fmt.Sprintf(" and %d more", n-maxNamed)
		}
		return nil, fmt.Errorf("shift offsets: the group has committed none in %s; use --to-offset or --to-earliest, or select other partitions with --partition", names)
	}
	return found, nil
}

// shifted is the sum within the range of int64.
func shifted(offset, by int64) int64 {
	sum := offset + by
	if offset > 0 && by > 0 && sum < 0 {
		return 1<<63 - 1
	}
	return sum
}
