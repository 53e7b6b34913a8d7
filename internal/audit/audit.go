package audit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// Deps are the dependencies of an Audit; all are required except Progress. The caller
// closes them.
type Deps struct {
	Kafka     *consumer.Consumer // configured with the topics and the group to audit
	Group     string             // the name of the group, for the report
	Isolation consumer.Isolation
	Conn      driver.Conn // needs no database of its own
	Database  string
	Rules     *transform.Rules // for the deep audit: today's
	Now       func() time.Time
	Log       *zap.Logger
	Progress  progress.Func // may be nil
}

// Audit is one audit. Build it with New, and Run it once.
type Audit struct {
	Deps
	tables   *tables
	findings *findings
	notes    []string

	accounts map[Key]*account
	newest   map[Key]uint32    // by key of epoch 0: the highest epoch in the ledger
	byJobs   map[Key]*coverage // what jobs have read
}

// New prepares an audit. It does no I/O.
func New(p Deps) *Audit {
	return &Audit{Deps: p, tables: &tables{conn: p.Conn, database: p.Database}, findings: newFindings(),
		accounts: map[Key]*account{}, newest: map[Key]uint32{}, byJobs: map[Key]*coverage{}}
}

// brokerOffsets are the offsets of one partition before the ledger was read (the
// committed offset is the promise to check) and after it (the end of the log).
type brokerOffsets struct{ before, after consumer.Assignment }

// Run reads everything once, in the order of the package comment. An error means that
// reading failed; there is no partial report.
func (a *Audit) Run(ctx context.Context, deep bool) (*Report, error) {
	report := &Report{At: a.Now().UTC(), Group: a.Group, Deep: deep}
	a.Progress.Report(progress.Step{Name: "read offsets from Kafka"})
	before, err := a.Kafka.Offsets(ctx)
	if err != nil {
		return nil, err
	}
	for _, source := range []schemas.Source{schemas.SourceKafka, schemas.SourceFile} {
		if err := a.readLedger(ctx, source); err != nil {
			return nil, err
		}
	}
	a.Progress.Report(progress.Step{Name: "check the events' ids"})
	if err := a.checkIdentities(ctx, report); err != nil {
		return nil, err
	}
	a.Progress.Report(progress.Step{Name: "read offsets from Kafka again"})
	after, err := a.Kafka.Offsets(ctx)
	if err != nil {
		return nil, err
	}
	current, err := a.matchEpochs(ctx, before, after)
	if err != nil {
		return nil, err
	}
	checked := a.Progress.Count("check partitions", "partitions", uint64(len(a.accounts)))
	for k, one := range a.accounts {
		checked.Add(1)
		if k.Source != schemas.SourceKafka {
			continue // no promise covers a whole file
		}
		if err := a.checkCoverage(ctx, one, current[k]); err != nil {
			return nil, err
		}
	}
	if deep {
		if err := a.reread(ctx, current); err != nil {
			return nil, err
		}
	}
	a.checkSubjects(before)
	a.finish(report)
	return report, nil
}

// readLedger adds up the rows of one source by partition.
func (a *Audit) readLedger(ctx context.Context, source schemas.Source) error {
	deadLetters := &deadLetterCheck{tables: a.tables, findings: a.findings}
	var one *account
	read := a.Progress.Count("read the ledger ("+string(source)+")", "partitions", 0)
	err := a.tables.ledger(ctx, source, ofConsumers, func(r *schemas.LedgerRow, before uint64) error {
		if k := keyOf(r); one == nil || one.Key != k {
			one = a.account(k)
			read.Add(1)
		}
		for _, f := range one.add(r, before) {
			a.findings.add(f)
		}
		return deadLetters.add(ctx, r)
	})
	if err != nil {
		return err
	}
	for _, one := range a.accounts {
		one.close()
	}
	if err := deadLetters.flush(ctx); err != nil {
		return err
	}
	return a.readJobs(ctx, source, deadLetters)
}

// readJobs checks what jobs have read again: each row must add up, and its dead letters
// must be in the table. It covers nothing for the consumer.
func (a *Audit) readJobs(ctx context.Context, source schemas.Source, deadLetters *deadLetterCheck) error {
	err := a.tables.ledger(ctx, source, ofJobs, func(r *schemas.LedgerRow, _ uint64) error {
		a.checkBalance(r)
		if k := keyOf(r); r.Cause == "" { // otherwise the job could not read it
			if a.byJobs[k] == nil {
				a.byJobs[k] = &coverage{}
			}
			a.byJobs[k].add(span{r.StartOffset, r.NextOffset})
		}
		return deadLetters.add(ctx, r)
	})
	if err != nil {
		return err
	}
	return deadLetters.flush(ctx)
}

func (a *Audit) checkBalance(r *schemas.LedgerRow) {
	if why := unbalanced(r); why != "" {
		k, at := keyOf(r), span{r.StartOffset, r.NextOffset}
		a.findings.add(Finding{Kind: Unbalanced, Key: k, Start: at.start, Next: at.next, Messages: r.Messages,
			Text: fmt.Sprintf("%s: the ledger row of job %s does not balance: %s", k.at(at), r.JobID, why)})
	}
}

func (a *Audit) account(k Key) *account {
	one := a.accounts[k]
	if one == nil {
		one = newAccount(k)
		a.accounts[k] = one
		first := k
		first.Epoch = 0
		a.newest[first] = max(a.newest[first], k.Epoch)
	}
	return one
}

func (a *Audit) checkIdentities(ctx context.Context, report *Report) error {
	origins, err := a.tables.identities(ctx)
	if err != nil {
		return err
	}
	for k, o := range origins {
		report.Events += o.rows
		if one := a.accounts[k]; one != nil {
			one.Rows, one.lowest = o.rows, o.lowest
		}
		if o.wrong == 0 {
			continue
		}
		if err := a.tables.nameWrong(ctx, k, o.wrong, a.findings); err != nil {
			return err
		}
	}
	return nil
}

// matchEpochs assigns Kafka's offsets to the ledger's newest epochs. A partition of a
// recreated topic is a finding, and is left out: its offsets mean nothing to the ledger.
func (a *Audit) matchEpochs(ctx context.Context, before, after []consumer.Assignment) (map[Key]*brokerOffsets, error) {
	current := map[Key]*brokerOffsets{}
	for _, b := range before {
		i := slices.IndexFunc(after, func(x consumer.Assignment) bool { return x.Topic == b.Topic && x.Partition == b.Partition })
		if i < 0 {
			return nil, fmt.Errorf("partition %s/%d disappeared during the audit; run again", b.Topic, b.Partition)
		}
		k := Key{Source: schemas.SourceKafka, Topic: b.Topic, Partition: b.Partition}
		k.Epoch = a.newest[k]
		one := a.account(k)
		f := &brokerOffsets{b, after[i]}
		changed, err := a.changed(ctx, one, f)
		if err != nil {
			return nil, err
		}
		end := b.HighWatermark
		if a.Isolation == consumer.ReadCommitted {
			end = b.LastStable
		}
		one.Kafka = &Brokers{Committed: b.Committed, LogStart: b.LogStart, LogEnd: b.HighWatermark, LastStable: b.LastStable,
			Behind: max(0, end-max(b.Committed, b.LogStart)), OpenTransaction: max(0, b.HighWatermark-end)}
		if !changed {
			current[k] = f
		}
	}
	return current, nil
}

func (a *Audit) finish(report *Report) {
	report.Partitions = []*Partition{}
	for _, one := range a.accounts {
		report.Partitions = append(report.Partitions, one.Partition)
	}
	slices.SortFunc(report.Partitions, func(x, y *Partition) int { return compareKeys(x.Key, y.Key) })
	for _, p := range report.Partitions {
		a.note(p)
	}
	report.Findings = a.findings.all()
	report.Clean = len(report.Findings) == 0
	if report.Notes = a.notes; report.Notes == nil {
		report.Notes = []string{}
	}
}

// note explains numbers of a partition that are no finding.
func (a *Audit) note(p *Partition) {
	say := func(format string, args ...any) { a.notes = append(a.notes, fmt.Sprintf(format, args...)) }
	for i, lost := range p.Lost {
		if i == maxNamed {
			say("%s: %d more ranges were lost and accepted", p.Key, len(p.Lost)-maxNamed)
			break
		}
		if lost.Cause == schemas.LostTopicRecreated {
			say("%s: the topic was recreated, which was accepted; unread messages of the old one are unknown", p.Key)
			continue
		}
		say("%s: lost before it could be read (%s), and accepted", p.at(span{lost.Start, lost.Next}), lost.Cause)
	}
	if p.Overlaps > 0 {
		say("%s: %d offsets were read again in %d ranges, which is harmless: repeated rows replace each other", p.Key, p.ReadAgain, p.Overlaps)
	}
	if p.Repeated > 0 {
		say("%s: %d ledger rows repeat another of the same flush and are not counted", p.Key, p.Repeated)
	}
	if k := p.Kafka; k != nil && k.OpenTransaction > 0 {
		say("%s: %d offsets from %d on wait for an open transaction; a read_committed consumer gets none of them until it ends",
			p.Key, k.OpenTransaction, k.LastStable)
		if p.Reread != nil && k.Committed > p.Reread.Next {
			say("%s: committed, and not read again because of it", p.at(span{p.Reread.Next, k.Committed}))
		}
	}
	if r := p.Reread; r != nil && r.Otherwise > 0 {
		say("%s: %d messages had another outcome at ingestion (other rules, another clock, or refused by ClickHouse); they are where that outcome puts them", p.Key, r.Otherwise)
	}
}
