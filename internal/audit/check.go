package audit

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/pipeline"
)

// changed reports whether the topic was recreated since the ledger read it, by the same
// check as at assignment. The log's end is from after the ledger was read: a running
// consumer cannot be beyond it.
func (a *Audit) changed(ctx context.Context, one *account, f *brokerOffsets) (bool, error) {
	now := f.after
	now.Committed = f.before.Committed
	changed, err := pipeline.TopicRecreated(now, one.position(), func(offset int64) (consumer.Fingerprint, bool, error) {
		return a.Kafka.FingerprintAt(ctx, one.Topic, one.Key.Partition, offset)
	})
	if err != nil {
		return false, err
	}
	if changed {
		a.findings.add(Finding{Kind: TopicChanged, Key: one.Key, Start: one.Start, Next: one.Next,
			Text: fmt.Sprintf("%s: the topic was recreated or its log was truncated since the ledger read it; "+
				"a consumer stops there until that is accepted (consumer.on_data_loss)", one.Key)})
	}
	return changed, nil
}

// checkCoverage looks for what the ledger must cover and does not. f is nil where Kafka
// has no offsets of this epoch; then only holes inside the ledger count.
func (a *Audit) checkCoverage(ctx context.Context, one *account, f *brokerOffsets) error {
	due, ok := one.due(f)
	if !ok {
		return nil
	}
	for _, hole := range one.cover.holes(due) {
		one.Gaps++
		unread := []span{hole}
		if jobs := a.byJobs[one.Key]; jobs != nil {
			var read []span
			read, unread = jobs.split(hole)
			for _, part := range read {
				a.addGap(one, part, ReadByJob)
			}
		}
		for _, part := range unread {
			cause, err := a.cause(ctx, one, part, f)
			if err != nil {
				return err
			}
			a.addGap(one, part, cause)
		}
	}
	if f == nil || f.before.Committed < 0 && one.cover.empty() {
		return nil // nothing was read yet
	}
	// The consumer may have continued since the first read. A group without offsets
	// starts at the first one, and loses what the ledger does not cover.
	read := max(f.before.Committed, f.after.Committed, one.Next)
	if gone := (span{read, f.after.LogStart}); gone.length() > 0 {
		a.findings.add(Finding{Kind: UnreadLost, Key: one.Key, Start: gone.start, Next: gone.next, Cause: Retention,
			Text: fmt.Sprintf("%s: retention removed it before it was read, and the loss is not accepted yet (consumer.on_data_loss)", one.at(gone))})
	}
	return nil
}

// addGap adds the finding for offsets that no ledger row of a consumer covers.
func (a *Audit) addGap(one *account, hole span, cause Cause) {
	finding := Finding{Kind: Gap, Key: one.Key, Start: hole.start, Next: hole.next, Cause: cause}
	said := "no ledger row covers it"
	switch beyond := one.cover.empty() || hole.start >= one.cover.end(); {
	case beyond:
		finding.Kind = CommittedBeyond
		said = "it is committed, and the ledger ends before it"
	case cause == ReadByJob:
		said = "no ledger row of a consumer covers it"
	}
	finding.Text = fmt.Sprintf("%s: %s; %s", one.at(hole), said, explain(cause))
	a.findings.add(finding)
}

// due returns the offsets that the ledger must cover. They end at the committed offset,
// or without one at the end of the ledger. They start at the first offset that Kafka,
// the tables or the ledger have. What lies before all three left no trace, or was before
// the group's start.
func (one *account) due(f *brokerOffsets) (span, bool) {
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

// cause finds out from the tables and Kafka why the ledger has a hole.
func (a *Audit) cause(ctx context.Context, one *account, hole span, f *brokerOffsets) (Cause, error) {
	if one.Gaps > maxNamed {
		return Unknown, nil // not listed one by one, so not worth two queries each
	}
	var rows uint64
	for _, table := range []string{"subscription_events", "dead_letters"} {
		err := a.tables.rows(ctx, "count rows in a gap", `SELECT count() FROM `+a.tables.name(table)+ofPartition+`
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
		return "the tables have messages from it, so it was read and its ledger row is gone: it was deleted, or this is a bug"
	case ReadByJob:
		return "a job of pianola replay has read it, so its messages are in the tables, and the group was moved past it: " +
			"prove the job with pianola audit --job ID --deep (pianola replay list), or reset the group to read the range"
	case OffsetReset:
		return "Kafka has it and the tables do not: most likely the group's offset was moved past it; reset it to read the range"
	case Retention:
		return "neither Kafka nor the tables have it: most likely retention removed it, and no ledger row records the loss"
	default:
		return "the cause is unknown: report it as a bug"
	}
}
