package audit

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/pipeline"
)

// changed says whether Kafka's topic is another one than the ledger has read, by
// the signs that the check at assignment goes by. The log's end is from after the
// ledger was read: a consumer at work cannot be beyond it.
func (a *Audit) changed(ctx context.Context, one *account, f *facts) (bool, error) {
	now := f.after
	now.Committed = f.before.Committed
	changed, err := pipeline.TopicRecreated(now, one.position(), func(offset int64) (int64, bool, error) {
		return a.Kafka.TimestampAt(ctx, one.Topic, one.Key.Partition, offset)
	})
	if err != nil {
		return false, err
	}
	if changed {
		a.findings.add(Finding{Kind: TopicChanged, Key: one.Key, Start: one.Start, Next: one.Next,
			Text: fmt.Sprintf("%s: Kafka's topic is not the one that the ledger has read: it was made anew, or its log was cut; "+
				"a consumer stops there until that is accepted (consumer.on_data_loss)", one.Key)})
	}
	return changed, nil
}

// checkCoverage looks for what the ledger does not cover and has to. f is nil
// where Kafka says nothing about this epoch; then only holes inside count.
func (a *Audit) checkCoverage(ctx context.Context, one *account, f *facts) error {
	due, ok := one.due(f)
	if !ok {
		return nil
	}
	for _, hole := range one.cover.holes(due) {
		one.Gaps++
		cause, err := a.cause(ctx, one, hole, f)
		if err != nil {
			return err
		}
		finding := Finding{Kind: Gap, Key: one.Key, Start: hole.start, Next: hole.next, Cause: cause}
		said := "no row of the ledger covers it"
		if one.cover.empty() || hole.start >= one.cover.end() {
			finding.Kind = CommittedBeyond
			said = "it is committed, and the ledger does not come so far"
		}
		finding.Text = fmt.Sprintf("%s: %s; %s", one.at(hole), said, explain(cause))
		a.findings.add(finding)
	}
	if f == nil || f.before.Committed < 0 && one.cover.empty() {
		return nil // nobody has begun to read
	}
	// The consumer may have gone on since the first question; a group whose offsets
	// are gone begins at the first one, and loses what the ledger does not cover.
	read := max(f.before.Committed, f.after.Committed, one.Next)
	if gone := (span{read, f.after.LogStart}); gone.length() > 0 {
		a.findings.add(Finding{Kind: UnreadLost, Key: one.Key, Start: gone.start, Next: gone.next, Cause: Retention,
			Text: fmt.Sprintf("%s: retention has removed it before it was read, and nobody has accepted that yet (consumer.on_data_loss)", one.at(gone))})
	}
	return nil
}

// due is the offsets that the ledger has to cover. They end at the committed offset,
// or where the ledger ends when the group has none; and begin at the first offset
// that Kafka, the tables or the ledger know. What lies before all three is gone
// without a trace, or was before the group's beginning.
func (one *account) due(f *facts) (span, bool) {
	var due span
	known := !one.cover.empty()
	if known {
		due = span{one.cover.start(), one.cover.end()}
		if one.Rows > 0 {
			due.start = min(due.start, one.lowest)
		}
	}
	if f == nil {
		return due, known
	}
	if !known || f.after.LogStart < due.start {
		due.start = f.after.LogStart
	}
	if f.before.Committed >= 0 {
		due.next = f.before.Committed
	} else if !known {
		return due, false
	}
	return due, due.start < due.next
}

// cause asks the tables and Kafka what is left of a hole.
func (a *Audit) cause(ctx context.Context, one *account, hole span, f *facts) (Cause, error) {
	if one.Gaps > named {
		return Unknown, nil // not named one by one, so not worth two questions each
	}
	var rows uint64
	for _, table := range []string{"subscription_events", "dead_letters"} {
		err := a.tables.rows(ctx, "look into a gap", `SELECT count() FROM `+a.tables.name(table)+ofPartition+`
			AND source_offset >= {start:Int64} AND source_offset < {next:Int64}`,
			one.parameters(hole.parameters()), func(r driver.Rows) error {
				var n uint64
				err := r.Scan(&n)
				rows += n
				return err
			})
		if err != nil {
			return Unknown, err
		}
	}
	switch {
	case rows > 0:
		return LedgerRowMissing, nil
	case f == nil:
		return Unknown, nil
	case hole.next <= f.after.LogStart:
		return Retention, nil
	default:
		return OffsetReset, nil
	}
}

func explain(c Cause) string {
	switch c {
	case LedgerRowMissing:
		return "the tables hold messages from it, so it was read and its row of the ledger is gone: somebody deleted it, or a bug"
	case OffsetReset:
		return "Kafka has it and the tables hold nothing of it: most likely the group's offset was moved over it; move it back to read it"
	case Retention:
		return "Kafka no longer has it and the tables hold nothing of it: most likely retention removed it, and no row says that it is lost"
	default:
		return "nothing is left that could tell why: take it for a bug"
	}
}
