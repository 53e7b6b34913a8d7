package job

import (
	"cmp"
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/wait"
	"github.com/pianola/pianola/schemas"
)

// Spec is a job to start.
type Spec struct {
	ID      string // from NewID, where the plan needs it; empty: Start makes one
	Source  schemas.Source
	Plan    Plan
	Rules   Rules
	Planned uint64 // what Progress counts up to
}

// Start records a new job and runs its heartbeats until Run.Finish. The run ends early
// when ctx ends. It refuses a plan that a running job shares.
func (s *Store) Start(ctx context.Context, spec Spec) (*Run, error) {
	now := s.deps.Now().UTC()
	j := &Job{
		ID: cmp.Or(spec.ID, NewID(now)), Source: spec.Source, State: Running, Plan: spec.Plan, Rules: spec.Rules, RulesSHA256: spec.Rules.SHA256(),
		StartedAt: now.Truncate(time.Millisecond), Planned: spec.Planned, Counts: Counts{}, Instance: s.marked(),
	}
	if err := s.refuseOverlap(ctx, j); err != nil {
		return nil, err
	}
	if err := s.claim(ctx, j); err != nil {
		return nil, err
	}
	s.sweep(ctx)
	return s.run(ctx, j, &Covered{Counts: Counts{}}, LogStarted), nil
}

// Resume continues a job after its last checkpoint. It refuses other rules than those of
// the job. change may adjust the limits of the plan; it may be nil.
func (s *Store) Resume(ctx context.Context, id string, rules Rules, change func(*Plan)) (*Run, error) {
	j, err := s.awaitSilence(ctx, id)
	if err != nil {
		return nil, err
	}
	if !j.State.resumable() {
		return nil, &NotResumableError{ID: id, State: j.State}
	}
	if names := j.Rules.changed(rules); len(names) > 0 {
		return nil, &RulesChangedError{ID: id, Names: names}
	}
	if err := s.refuseOverlap(ctx, j); err != nil {
		return nil, err
	}
	covered, err := s.Covered(ctx, j)
	if err != nil {
		return nil, err
	}
	if change != nil {
		change(&j.Plan)
	}
	j.State, j.FinishedAt, j.Problem, j.Instance = Running, nil, "", s.marked()
	for name, n := range covered.Counts {
		j.Counts[name] = n // the ledger knows better than the last record
	}
	if err := s.claim(ctx, j); err != nil {
		return nil, err
	}
	return s.run(ctx, j, covered, LogResumed), nil
}

// claim writes a running job and looks again: another job may have looked before it was
// written. At least one of the two sees the other now.
func (s *Store) claim(ctx context.Context, j *Job) error {
	if err := s.persist(ctx, j); err != nil {
		return err
	}
	err := s.refuseOverlap(ctx, j)
	if err != nil {
		s.giveUp(ctx, j, err)
	}
	return err
}

// marked names this process and this run of it.
func (s *Store) marked() string { return s.deps.Instance + "/" + mark() }

// awaitSilence returns a job whose process has ended. After a kill the record still says
// that the job is running, until it has missed its heartbeats.
func (s *Store) awaitSilence(ctx context.Context, id string) (*Job, error) {
	first, err := s.Find(ctx, id)
	if err != nil || first.State != Running {
		return first, err
	}
	left := s.maxSilence() - first.age
	s.deps.Progress.Report(progress.Step{Name: "wait whether the job's last process is still running", Until: s.deps.Now().Add(left)})
	last := first
	err = wait.Until(ctx, s.deps.Heartbeat/2, func() (bool, error) {
		if last, err = s.Find(ctx, id); err != nil {
			return false, err
		}
		if last.State == Running && !last.WrittenAt.Equal(first.WrittenAt) {
			return false, &AliveError{ID: id, Instance: last.Instance, Age: last.age}
		}
		return last.State != Running, nil
	})
	return last, err
}

// refuseOverlap fails when another running job reads messages of this plan.
func (s *Store) refuseOverlap(ctx context.Context, j *Job) error {
	all, err := s.List(ctx)
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.ID == j.ID || other.Source != j.Source || other.State != Running {
			continue
		}
		if shared, found := j.Plan.shared(other.Plan); found {
			return &OverlapError{Other: other, Range: shared}
		}
	}
	return nil
}

// giveUp ends a job that has done nothing.
func (s *Store) giveUp(ctx context.Context, j *Job, reason error) {
	now := s.deps.Now().UTC()
	j.State, j.FinishedAt, j.Problem = Failed, &now, reason.Error()
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.deps.Grace)
	defer cancel()
	if err := s.persist(bounded, j); err != nil {
		s.deps.Log.Warn("end of a refused job not recorded", zap.String("job", j.ID), zap.Error(err))
	}
}
