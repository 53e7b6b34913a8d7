package service

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/reconcile"
)

const (
	// recheckInterval is how long the schedule trusts its knowledge of the latest run.
	// A manual `pianola reconcile` postpones the next run, and clocks can change.
	recheckInterval = 5 * time.Minute
	// Pauses before a failed run is repeated. The run itself has already retried its
	// requests to Piano's API.
	minRetry = time.Minute
	maxRetry = time.Hour
)

// reconciler is implemented by *reconcile.Reconciler.
type reconciler interface {
	Run(ctx context.Context) (*reconcile.Report, error)
	LastRun(ctx context.Context) (reconcile.LastRun, error)
}

// schedule reconciles every interval on the owning instance. Its errors do not stop or
// delay the flow.
type schedule struct {
	interval time.Duration
	turn     *ownership
	runs     reconciler
	metrics  *driftMetrics
	now      func() time.Time
	log      *zap.Logger

	pauses *backoff.ExponentialBackOff
	done   time.Time // when this process last completed a run
}

func newSchedule(interval time.Duration, turn *ownership, runs reconciler, metrics *driftMetrics, now func() time.Time, log *zap.Logger) *schedule {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval, pauses.Multiplier = min(minRetry, interval), min(maxRetry, interval), 2
	return &schedule{interval: interval, turn: turn, runs: runs, metrics: metrics, now: now, log: log.Named("schedule"), pauses: pauses}
}

// run blocks until ctx ends. Reconciliations never overlap.
func (s *schedule) run(ctx context.Context) {
	for {
		held, release, err := s.turn.hold(ctx)
		if err != nil {
			return
		}
		s.log.Info("reconciliation ownership acquired", zap.Duration("interval", s.interval))
		for held.Err() == nil {
			s.sleep(held, s.step(held))
		}
		if ctx.Err() == nil {
			s.log.Info("reconciliation ownership released", zap.Error(context.Cause(held)))
		}
		release()
		s.metrics.clear()
	}
}

// step runs a reconciliation that is due, and returns the time until the next check.
func (s *schedule) step(ctx context.Context) time.Duration {
	standing, err := s.runs.LastRun(ctx)
	if err == nil {
		s.metrics.stand(standing)
		if wait := s.due(standing.CompletedAt); wait > 0 {
			return min(wait, recheckInterval)
		}
		err = s.reconcile(ctx)
	}
	if ctx.Err() != nil {
		return 0
	}
	if err != nil {
		pause := s.pauses.NextBackOff()
		s.log.Error("reconciliation failed, retrying after a pause", zap.Duration("pause", pause), zap.Error(err))
		return pause
	}
	s.pauses.Reset()
	s.done = s.now()
	return 0 // check its result immediately
}

// due is the time until the next run: at most an interval after the latest completed
// run of any instance. A missed run is due immediately, and so is a run whose
// predecessor has a time in the future.
func (s *schedule) due(completed time.Time) time.Duration {
	now := s.now()
	if completed.After(now) {
		completed = time.Time{} // a clock was ahead, so the time is unknown
	}
	if s.done.After(now) {
		s.done = now // the clock of this process was set back
	}
	if s.done.After(completed) {
		completed = s.done // also when the table does not have this run
	}
	if completed.IsZero() {
		return 0
	}
	return completed.Add(s.interval).Sub(now)
}

// reconcile runs once and counts the run.
func (s *schedule) reconcile(ctx context.Context) error {
	start := s.now()
	s.log.Info(LogReconcileStarted)
	report, err := s.runs.Run(ctx)
	took := s.now().Sub(start)
	switch {
	case err == nil:
		s.metrics.finished(outcomeOf(report), took)
		s.logResult(report, took)
	case ctx.Err() != nil:
		s.metrics.finished(runCanceled, took)
		s.log.Info("reconciliation canceled", zap.Duration("elapsed", took), zap.Error(context.Cause(ctx)))
	default:
		s.metrics.finished(runFailed, took)
	}
	return err
}

// logResult writes one line per run. The table drift has the subscriptions.
func (s *schedule) logResult(r *reconcile.Report, took time.Duration) {
	level := s.log.Info
	if !r.Clean() || r.Snapshot.TombstonesWithheld > 0 || r.Snapshot.Unreadable > 0 {
		level = s.log.Warn
	}
	if r.NothingCompared {
		s.log.Error(LogNothingCompared, zap.Stringer("run_id", r.RunID), zap.Any("not_compared", r.NotCompared))
	}
	level("reconciliation completed", zap.Stringer("run_id", r.RunID), zap.Bool("clean", r.Clean()), zap.Bool("superseded", r.Superseded),
		zap.Uint64("compared", r.Compared), zap.Bool("nothing_compared", r.NothingCompared), zap.Uint64("opened", r.Opened), zap.Uint64("closed", r.Closed), zap.Uint64("open", r.Open),
		zap.Uint64("tombstones_withheld", r.Snapshot.TombstonesWithheld), zap.Uint64("unreadable", r.Snapshot.Unreadable), zap.Duration("elapsed", took))
}

// sleep waits until the time is over or ctx ends.
func (s *schedule) sleep(ctx context.Context, wait time.Duration) {
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
