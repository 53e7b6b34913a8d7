package audit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/schemas"
)

// JobReport is the result of the audit of one job, as --json shows it.
type JobReport struct {
	At       time.Time      `json:"at"`
	JobID    string         `json:"job_id"`
	State    job.State      `json:"state"`
	Source   schemas.Source `json:"source"`
	Deep     bool           `json:"deep"`
	Clean    bool           `json:"clean"` // no findings
	Ranges   []*JobRange    `json:"ranges"`
	Findings []Finding      `json:"findings"`
}

// JobRange is the account of one range of a job's plan.
type JobRange struct {
	Key
	From         int64   `json:"start_offset"`
	To           int64   `json:"next_offset"`
	Chunks       uint64  `json:"chunks"`
	Gaps         int     `json:"gaps"`
	Messages     uint64  `json:"messages"`
	Stored       uint64  `json:"stored"`
	Filtered     uint64  `json:"filtered"`
	DeadLettered uint64  `json:"dead_lettered"`
	Skipped      uint64  `json:"skipped"`
	Reread       *Reread `json:"reread"` // null unless deep
}

// Job checks one job: its ledger rows cover the ranges of its plan without holes, each row
// adds up, and its dead letters are in the table. deep also reads a job of Kafka again and
// looks each message up, by today's rules.
func (a *Audit) Job(ctx context.Context, j *job.Job, deep bool) (*JobReport, error) {
	report := &JobReport{At: a.Now().UTC(), JobID: j.ID, State: j.State, Source: j.Source, Deep: deep, Ranges: []*JobRange{}}
	accounts := make([]*account, len(j.Plan.Ranges))
	for i, r := range j.Plan.Ranges {
		accounts[i] = newAccount(Key{Source: j.Source, Topic: r.Name, Epoch: r.Epoch, Partition: r.Partition})
	}
	deadLetters := &deadLetterCheck{tables: a.tables, findings: a.findings}
	err := a.tables.ledger(ctx, j.Source, ofJobs, func(r *schemas.LedgerRow, before uint64) error {
		if r.JobID != j.ID {
			return nil
		}
		i := slices.IndexFunc(j.Plan.Ranges, func(of job.Range) bool {
			return of.Name == r.Name && of.Epoch == r.Epoch && of.Partition == r.Partition && r.StartOffset >= of.From && (of.To == 0 || r.NextOffset <= of.To)
		})
		if i < 0 {
			at := span{r.StartOffset, r.NextOffset}
			a.findings.add(Finding{Kind: OutsidePlan, Key: keyOf(r), Start: at.start, Next: at.next, Messages: r.Messages,
				Text: fmt.Sprintf("%s: a ledger row of the job is not of its plan", keyOf(r).at(at))})
			return nil
		}
		for _, f := range accounts[i].add(r, before) {
			a.findings.add(f)
		}
		return deadLetters.add(ctx, r)
	})
	if err == nil {
		err = deadLetters.flush(ctx)
	}
	if err != nil {
		return nil, err
	}
	for i, r := range j.Plan.Ranges {
		report.Ranges = append(report.Ranges, a.checkRange(j, r, accounts[i]))
	}
	if deep && j.Source == schemas.SourceKafka {
		if err := a.rereadJob(ctx, j, accounts, report); err != nil {
			return nil, err
		}
	}
	report.Findings = a.findings.all()
	report.Clean = len(report.Findings) == 0
	return report, nil
}

// checkRange looks for what the job has planned and not read. How many rows a file has is
// known only from its chunks, so of a file the end is where these end.
func (a *Audit) checkRange(j *job.Job, r job.Range, one *account) *JobRange {
	one.close()
	end := r.To
	if end == 0 && !one.cover.empty() {
		end = one.cover.end()
	}
	holes := one.cover.holes(span{r.From, end})
	if r.To == 0 && one.cover.empty() {
		holes = []span{{r.From, r.From}}
	}
	for _, hole := range holes {
		one.Gaps++
		a.findings.add(Finding{Kind: JobIncomplete, Key: one.Key, Start: hole.start, Next: hole.next,
			Text: fmt.Sprintf("%s: no ledger row of the job covers it, and the job is %s; pianola replay show %s shows how to continue", one.at(hole), j.State, j.ID)})
	}
	return &JobRange{Key: one.Key, From: r.From, To: end, Chunks: one.Flushes, Gaps: one.Gaps, Messages: one.Messages,
		Stored: one.Stored, Filtered: one.Filtered, DeadLettered: one.DeadLettered, Skipped: one.Skipped}
}

// rereadJob reads what the job has covered of Kafka again.
func (a *Audit) rereadJob(ctx context.Context, j *job.Job, accounts []*account, report *JobReport) error {
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.SetLimit(maxConcurrentReads)
	for i, one := range accounts {
		if one.cover.empty() {
			continue
		}
		one.Reread = &Reread{Start: one.cover.start(), Next: one.cover.end()}
		report.Ranges[i].Reread = one.Reread
		p := &deepPartition{audit: a, account: one, worker: a.Rules.NewWorker(), report: one.Reread, partial: !j.Plan.Filter.IsZero()}
		read := a.Progress.Count("read Kafka again: "+one.String(), "offsets", uint64(one.Reread.Next-one.Reread.Start))
		tasks.Go(func() error { return p.read(ctx, read) })
	}
	return tasks.Wait()
}
