package audit

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/transform"
)

// maxConcurrentReads is how many partitions are read at a time, below consumer's
// HeldSets. Each holds one fetch response, one set of records and one batch.
const maxConcurrentReads = 3

// errEndless ends an audit that would wait for messages that will never arrive.
var errEndless = errors.New("the log ends below the committed offset")

// reread reads what Kafka retains of every partition that has facts.
func (a *Audit) reread(ctx context.Context, current map[Key]*brokerOffsets) error {
	var all []*deepPartition
	var offsets uint64
	for k, f := range current {
		p := a.newDeepPartition(a.accounts[k], f)
		all = append(all, p)
		offsets += uint64(p.report.Next - p.report.Start)
	}
	read := a.Progress.Count("read Kafka again", "offsets", offsets)
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.SetLimit(maxConcurrentReads)
	for _, p := range all {
		tasks.Go(func() error { return p.read(ctx, read) })
	}
	return tasks.Wait()
}

// newDeepPartition prepares to read up to the committed offset, or without one up to the end
// of the ledger: rows were durable before either was written. It does not wait for an open
// transaction, which may stay open for ever.
func (a *Audit) newDeepPartition(one *account, f *brokerOffsets) *deepPartition {
	end := min(f.before.Committed, f.after.HighWatermark) // a reset may have moved it beyond the end
	if end < 0 {
		end = one.Next
	}
	if a.Isolation == consumer.ReadCommitted {
		end = min(end, f.after.LastStable)
	}
	one.Reread = &Reread{Start: min(f.after.LogStart, end), Next: end}
	return &deepPartition{audit: a, account: one, worker: a.Rules.NewWorker(), report: one.Reread}
}

// read reads the partition up to report.Next and checks every message.
func (p *deepPartition) read(ctx context.Context, read *progress.Counter) error {
	one, end := p.account, p.report.Next
	r := p.audit.Kafka.NewReader(one.Topic, one.Key.Partition, p.report.Start)
	defer func() { r.Close() }()
	for r.Position() < end {
		before := r.Position()
		set, err := r.Next(ctx)
		var out *consumer.OffsetOutOfRangeError
		if errors.As(err, &out) {
			if out.LogEnd < r.Position() {
				return fmt.Errorf("read %s again: %w", one.Key, errEndless)
			}
			// Retention was faster: what it removed cannot be checked.
			r.Close()
			r = p.audit.Kafka.NewReader(one.Topic, one.Key.Partition, out.LogStart)
			read.Add(uint64(min(out.LogStart, end) - before))
			continue
		}
		if err != nil {
			return fmt.Errorf("read %s again: %w", one.Key, err)
		}
		for _, record := range set.Records {
			if record.Offset < end {
				if err := p.take(ctx, record); err != nil {
					return err
				}
			}
		}
		read.Add(uint64(min(r.Position(), end) - before))
	}
	p.worker.Release() // those of the other partitions follow
	if err := p.flush(ctx); err != nil {
		return err
	}
	p.endFinding()
	p.compare()
	p.audit.Log.Info("partition read again", zap.String("topic", one.Topic), zap.Int32("partition", one.Key.Partition),
		zap.Uint64("messages", p.report.Messages))
	return nil
}

// deepPartition is one partition of the deep audit.
type deepPartition struct {
	audit   *Audit
	account *account
	worker  *transform.Worker
	report  *Reread
	partial bool // the ledger counts only some of the messages
	batch   batch
	current *Finding // messages in a row with the same fault
}

func (p *deepPartition) take(ctx context.Context, record consumer.Record) error {
	if p.account.lost(record.Offset) {
		return nil // the ledger names it as lost, and no more is promised
	}
	result := p.worker.Apply(record.Value, p.audit.Now())
	p.report.Messages++
	switch result.Outcome {
	case transform.Stored:
		p.report.Stored++
	case transform.Filtered:
		p.report.Filtered++
	case transform.DeadLettered:
		p.report.DeadLettered++
	case transform.Skipped:
		p.report.Skipped++
	}
	p.batch.add(record, result)
	if p.batch.full() {
		return p.flush(ctx)
	}
	return nil
}

// lost reports whether the ledger names an offset as lost.
func (a *account) lost(offset int64) bool {
	for _, l := range a.Lost {
		if offset >= l.Start && offset < l.Next {
			return true
		}
	}
	return false
}

// flush looks the batch up. Neighbours with the same fault become one finding.
func (p *deepPartition) flush(ctx context.Context) error {
	results, err := p.audit.tables.lookUp(ctx, p.account.Key, p.batch.messages)
	if err != nil {
		return err
	}
	for i, v := range results {
		offset := p.batch.messages[i].offset
		if v.otherwise {
			p.report.Otherwise++
		}
		if p.current != nil && (p.current.Kind != v.kind || p.current.Cause != v.cause) {
			p.endFinding()
		}
		if v.kind == "" {
			continue
		}
		if p.current == nil {
			p.current = &Finding{Kind: v.kind, Key: p.account.Key, Start: offset, Cause: v.cause}
		}
		p.current.Next = offset + 1
		p.current.Messages++
	}
	p.batch.reset()
	return nil
}

func (p *deepPartition) endFinding() {
	if p.current == nil {
		return
	}
	p.current.Text = fmt.Sprintf("%s: %s", describe(p.current), missing(p.current.Kind, p.current.Cause))
	p.audit.findings.add(*p.current)
	p.current = nil
}

// compare compares what was read again with the sums of the ledger, which counts a
// message at least once. A second read makes the ledger's sums larger, retention and
// compaction make Kafka's smaller, and nothing legitimate does the opposite. Kafka
// tombstones have the same outcome under all rules.
func (p *deepPartition) compare() {
	one, r := p.account, p.report
	if one.Gaps > 0 || p.partial {
		return // what the ledger does not cover is not in its sums
	}
	for _, sum := range []struct {
		of           string
		kafka, there uint64
	}{{"messages", r.Messages, one.Messages}, {"tombstones", r.Skipped, one.Skipped}} {
		if sum.kafka > sum.there {
			at := span{r.Start, r.Next}
			p.audit.findings.add(Finding{Kind: Unbalanced, Key: one.Key, Start: at.start, Next: at.next, Messages: sum.kafka - sum.there,
				Text: fmt.Sprintf("%s: Kafka holds %d %s, and the ledger counts %d in all", one.at(at), sum.kafka, sum.of, sum.there)})
		}
	}
}

// describe names one message by its coordinates, and several by their range.
func describe(f *Finding) string {
	if f.Messages == 1 {
		return fmt.Sprintf("%s/%d", f.Key, f.Start)
	}
	return fmt.Sprintf("%s, %d messages", f.at(span{f.Start, f.Next}), f.Messages)
}

func missing(k Kind, c Cause) string {
	switch k {
	case EventOlder:
		return "the stored event has an older version than this message"
	case DeadLetterMissing:
		return "today's rules refuse it, and it is neither an open dead letter nor the origin of a row"
	case FilteredMissing:
		return "today's rules filter it, and filtered_subscriptions has its subscription not at all or with an older version"
	}
	if c == EarlierRules {
		return "its event is neither a row nor an open dead letter; its subscription was filtered before, so earlier rules may be the cause"
	}
	return "its event is neither a row of this version or a higher one, nor an open dead letter"
}
