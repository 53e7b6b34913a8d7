package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/safetext"
	"github.com/pianola/pianola/schemas"
)

// The counts of a job over files beside those of package job.
const (
	// FilesDone are files that were read to their end.
	FilesDone = "files_done"
	// Markers are events of earlier loads that the files no longer give.
	Markers = "delete_markers"
	// Resolved are dead letters whose row now passes, or is gone.
	Resolved = "resolved_dead_letters"
)

// Execute starts a job for a plan and runs it. It returns the job as recorded, also with an
// error.
func (l *Loader) Execute(ctx context.Context, plan *Plan, limits Limits) (*job.Job, error) {
	if err := plan.refuse(limits); err != nil {
		return nil, err
	}
	spec := job.Spec{ID: job.NewID(l.deps.Now()), Source: schemas.SourceFile, Rules: l.deps.InForce, Planned: plan.Bytes}
	if err := plan.nameStdin(spec.ID); err != nil {
		return nil, err
	}
	spec.Plan = plan.job
	run, err := l.deps.Jobs.Start(ctx, spec)
	if err != nil {
		return nil, err
	}
	return run.Finish(l.run(run, plan.named))
}

// Resume continues a job. change may adjust its limits; it may be nil.
func (l *Loader) Resume(ctx context.Context, id string, change func(*job.Plan)) (*job.Job, error) {
	j, err := l.deps.Jobs.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := l.unchanged(ctx, j); err != nil {
		return nil, err
	}
	run, err := l.deps.Jobs.Resume(ctx, id, l.deps.InForce, change)
	if err != nil {
		return nil, err
	}
	return run.Finish(l.run(run, nil))
}

// unchanged fails when a file of a job is not the one that was planned.
func (l *Loader) unchanged(ctx context.Context, j *job.Job) error {
	var o Options
	if err := json.Unmarshal(j.Plan.Options, &o); err != nil {
		return fmt.Errorf("job %s: read its plan: %w", j.ID, err)
	}
	for _, f := range o.Files {
		n, err := l.deps.Places.again(f)
		if err == nil {
			var now Stamp
			if now, err = n.object.stamp(ctx); err == nil && !now.Equal(f.Stamp) {
				err = ErrChanged
			}
		}
		if err != nil {
			return fmt.Errorf("resume job %s: %s: %w", j.ID, safetext.Name(f.Name), err)
		}
	}
	return nil
}

// run reads what remains of a job, and then looks for events that the files no longer
// give.
func (l *Loader) run(run *job.Run, known map[string]named) error {
	var o Options
	if err := json.Unmarshal(run.Plan().Options, &o); err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	ended, err := l.ended(run.Reading(), run.ID())
	if err != nil {
		return err
	}
	remaining := slices.DeleteFunc(run.Remaining(), func(r job.Range) bool { return ended[r.Name] })
	run.Set(FilesDone, uint64(len(o.Files)-len(remaining)))
	run.Set(job.NewDeadLetters, run.Count(job.DeadLettered)) // after a kill the ledger knows better than the record
	s := &storing{Loader: l, run: run, bar: l.deps.Progress.Count("load", "bytes", run.Planned())}
	s.begin(o.Files, remaining)
	e := l.newExecution(run.ID(), run.Plan(), known)
	e.wait, e.flush = run.Wait, s.store
	if err := e.all(run.Reading(), o.Files, remaining); err != nil {
		return err
	}
	if err := s.storeEnds(); err != nil {
		return err
	}
	if len(e.problems) > 0 {
		return errors.Join(e.problems...)
	}
	return l.removeStale(run, o)
}
