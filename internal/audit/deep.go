package audit

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/transform"
)

// rereadAtOnce is how many partitions are read at a time, below consumer's
// HeldSets. Each holds one fetch response, one set of records and one batch.
const rereadAtOnce = 3

// errEndless keeps an audit from waiting for messages that will never come.
var errEndless = errors.New("the log ends below the committed offset")

// reread reads what Kafka retains of every partition that has facts.
func (a *Audit) reread(ctx context.Context, current map[Key]*facts) error {
	var all []*rereading
	var offsets uint64
	for k, f := range current {
		p := a.newRereading(a.accounts[k], f)
		all = append(all, p)
		offsets += uint64(p.report.Next - p.report.Start)
	}
	read := a.Progress.Count("read Kafka again", "offsets", offsets)
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.SetLimit(rereadAtOnce)
	for _, p := range all {
		tasks.Go(func() error { return p.read(ctx, read) })
	}
	return tasks.Wait()
}

// newRereading reads up to the committed offset, or, where the group has none, to
// where the ledger ends: rows were durable before either was written.
func (a *Audit) newRereading(one *account, f *facts) *rereading {
	end := min(f.before.Committed, f.after.HighWatermark) // somebody may have moved it beyond the end
	if end < 0 {
		end = one.Next
	}
	one.Reread = &Reread{Start: min(f.after.LogStart, end), Next: end}
	return &rereading{audit: a, account: one, worker: a.Rules.NewWorker(), report: one.Reread}
}

// read reads the partition to its end and checks every message.
func (p *rereading) read(ctx context.Context, read *progress.Counter) error {
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
			// Retention is faster than we are: what it took can no longer be looked at.
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
	if err := p.flush(ctx); err != nil {
		return err
	}
	p.endRun()
	p.compare()
	p.audit.Log.Info("partition read again", zap.String("topic", one.Topic), zap.Int32("partition", one.Key.Partition),
		zap.Uint64("messages", p.report.Messages))
	return nil
}

// rereading is one partition on its way through the deep audit.
type rereading struct {
	audit   *Audit
	account *account
	worker  *transform.Worker
	report  *Reread
	batch   batch
	run     *Finding // messages in a row with the same thing wrong
}

func (p *rereading) take(ctx context.Context, record consumer.Record) error {
	if p.account.lost(record.Offset) {
		return nil // named in the ledger, which is all that was promised
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
	p.batch.add(record.Offset, pipeline.RecordTime(record), result)
	if p.batch.full() {
		return p.flush(ctx)
	}
	return nil
}

// lost says whether the ledger names an offset as lost.
func (a *account) lost(offset int64) bool {
	for _, l := range a.Lost {
		if offset >= l.Start && offset < l.Next {
			return true
		}
	}
	return false
}

// flush judges the batch. Neighbours with the same thing wrong become one finding.
func (p *rereading) flush(ctx context.Context) error {
	verdicts, err := p.audit.tables.judge(ctx, p.account.Key, p.batch.messages)
	if err != nil {
		return err
	}
	for i, v := range verdicts {
		offset := p.batch.messages[i].offset
		if v.otherwise {
			p.report.Otherwise++
		}
		if p.run != nil && (p.run.Kind != v.kind || p.run.Cause != v.cause) {
			p.endRun()
		}
		if v.kind == "" {
			continue
		}
		if p.run == nil {
			p.run = &Finding{Kind: v.kind, Key: p.account.Key, Start: offset, Cause: v.cause}
		}
		p.run.Next = offset + 1
		p.run.Messages++
	}
	p.batch.reset()
	return nil
}

func (p *rereading) endRun() {
	if p.run == nil {
		return
	}
	p.run.Text = fmt.Sprintf("%s: %s", describe(p.run), missing(p.run.Kind, p.run.Cause))
	p.audit.findings.add(*p.run)
	p.run = nil
}

// compare holds what was read again against the sums of the ledger, which counts a
// message at least once: reading twice makes the ledger's sums larger, retention and
// compaction make Kafka's smaller, and nothing honest does the opposite. Tombstones
// are the same by all rules.
func (p *rereading) compare() {
	one, r := p.account, p.report
	if one.Gaps > 0 {
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

// describe names one message by its coordinates, several by their range.
func describe(f *Finding) string {
	if f.Messages == 1 {
		return fmt.Sprintf("%s/%d", f.Key, f.Start)
	}
	return fmt.Sprintf("%s, %d messages", f.at(span{f.Start, f.Next}), f.Messages)
}

func missing(k Kind, c Cause) string {
	switch k {
	case EventOlder:
		return "the event is stored in an older version than this delivery of it"
	case DeadLetterMissing:
		return "it fails by today's rules, and is neither a dead letter nor the origin of a row"
	case FilteredMissing:
		return "it is filtered by today's rules, and its subscription is not in filtered_subscriptions"
	}
	if c == EarlierRules {
		return "its event is neither a row nor a dead letter; its subscription was filtered once, so rules that have changed since may be why"
	}
	return "its event is neither a row of this version or a higher one, nor a dead letter"
}
