package window

import (
	"context"
	"fmt"
	"math"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// The counts of a replay beside those of package job. Each sink.Change has its own too.
const (
	// Removed are offsets that retention has removed after the plan.
	Removed = "removed_by_retention"
	// Kept are rows that stay although their message no longer gives them: the message
	// that gives the event now is gone from Kafka, or ClickHouse refuses its row.
	Kept = "rows_kept"
	// Markers are the delete markers written.
	Markers = "delete_markers"
	// RowsWritten are the event rows written.
	RowsWritten = "rows_written"
	// Resolved are dead letters that were open before and are resolved now.
	Resolved = "resolved_dead_letters"
)

// LogReplaced is the log message of a chunk that is durable.
const LogReplaced = "messages replaced"

// Execute starts a job for a plan and runs it. It returns the job as recorded, also with an
// error.
func (r *Replayer) Execute(ctx context.Context, plan *Plan) (*job.Job, error) {
	run, err := r.deps.Jobs.Start(ctx, job.Spec{Source: schemas.SourceKafka, Plan: plan.job, Rules: r.deps.InForce, Planned: plan.Messages})
	if err != nil {
		return nil, err
	}
	return run.Finish(r.run(run))
}

// Resume continues a job. change may adjust its limits; it may be nil.
func (r *Replayer) Resume(ctx context.Context, id string, change func(*job.Plan)) (*job.Job, error) {
	run, err := r.deps.Jobs.Resume(ctx, id, r.deps.InForce, change)
	if err != nil {
		return nil, err
	}
	err = r.recount(run)
	if err == nil {
		err = r.run(run)
	}
	return run.Finish(err)
}

// execution is one run of a job.
type execution struct {
	*Replayer
	run    *job.Run
	topics topics
	known  *knownRecords
	claims *claims
	shown  *progress.Counter
}

// run reads what remains of a job.
func (r *Replayer) run(run *job.Run) error {
	opened, err := r.open(run.Reading(), run.Plan().Ranges)
	defer opened.close()
	if err != nil {
		return err
	}
	e := &execution{Replayer: r, run: run, topics: opened, known: newKnownRecords()}
	e.claims = &claims{execution: e}
	defer e.claims.close()
	if err := e.verify(); err != nil {
		return err
	}
	done := run.Covered().Offsets(run.Plan())
	run.Set(job.Progress, done)
	e.shown = r.deps.Progress.Continue("replay", "messages", done, run.Planned())
	d := &reading{
		r: r, topics: opened, filter: run.Plan().Filter, maxRows: chunkRows(r.deps.MaxRows, run.Plan().Rate), wait: func(_ context.Context, n int) error { return run.Wait(n) },
		flush: e.replace, removed: e.recordRemoved, known: e.known, finish: true,
		read: e.shown,
	}
	return d.all(run.Reading(), run.Remaining())
}

// chunkSeconds is how long a chunk may take to fill under a rate: what is read becomes
// durable only then.
const chunkSeconds = 10

func chunkRows(most int, rate float64) int {
	if rate <= 0 {
		return most
	}
	return min(most, max(1, int(math.Ceil(rate*chunkSeconds))))
}

// replace makes a chunk durable and records it.
func (e *execution) replace(_ context.Context, chunk *pipeline.Reprocessor) error {
	part := chunk.Part()
	part.Ledger.Kind, part.Ledger.JobID = schemas.LedgerReplay, e.run.ID()
	name := chunkName(&part.Ledger)
	stats, err := e.deps.Writer.Replace(e.run.Writing(), &sink.Replacement{
		Part: part, Dropped: chunk.Dropped(), Claims: e.claims.find, Read: e.claims.read,
	})
	if err != nil {
		return fmt.Errorf("replace %s: %w", name, err)
	}
	counts := countsOf(&part.Ledger)
	counts.Add(job.Counts{
		job.Progress: uint64(part.Ledger.NextOffset - part.Ledger.StartOffset), job.NewDeadLetters: uint64(stats.Opened),
		Kept: uint64(stats.Kept), Markers: uint64(stats.Markers), RowsWritten: uint64(stats.Rows), Resolved: uint64(stats.Resolved),
	})
	// A row that ClickHouse refuses is a dead letter.
	counts[job.Stored] -= uint64(stats.Refused)
	counts[job.DeadLettered] += uint64(stats.Refused)
	for change, n := range stats.Changes.Messages {
		counts[string(change)] += n
	}
	e.deps.Log.Info(LogReplaced, zap.String("job", e.run.ID()), zap.String("topic", part.Ledger.Name), zap.Int32("partition", part.Ledger.Partition),
		zap.Int64("offset", part.Ledger.NextOffset), zap.Uint64("messages", part.Ledger.Messages), zap.Int("rows", stats.Rows),
		zap.Int("markers", stats.Markers), zap.Int("resolved", stats.Resolved), zap.Duration("elapsed", stats.Elapsed))
	return e.run.Done(counts)
}

// recordRemoved writes a checkpoint for offsets that nobody can read any more. What the
// tables have of them stays.
func (e *execution) recordRemoved(_ context.Context, gone job.Range) error {
	row := schemas.LedgerRow{
		Source: schemas.SourceKafka, Name: gone.Name, Epoch: gone.Epoch, Partition: gone.Partition, Kind: schemas.LedgerReplay,
		Cause: schemas.LostToRetention, StartOffset: gone.From, NextOffset: gone.To, LastOffset: -1, JobID: e.run.ID(),
	}
	if err := e.deps.Writer.WriteLedger(e.run.Writing(), []schemas.LedgerRow{row}); err != nil {
		return err
	}
	n := uint64(gone.To - gone.From)
	e.deps.Log.Warn("messages removed by retention during the job", zap.String("job", e.run.ID()), zap.String("topic", gone.Name),
		zap.Int32("partition", gone.Partition), zap.Int64("offset", gone.From), zap.Uint64("messages", n))
	return e.run.Done(job.Counts{Removed: n, job.Progress: n})
}
