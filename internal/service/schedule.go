package service

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/reconcile"
)

const (
	// lookAgain is how long the schedule trusts what it knows of the newest run: a
	// `pianola reconcile` by hand moves the next one, and clocks are set.
	lookAgain = 5 * time.Minute
	// A run that has failed is tried again after these pauses; Piano's API has been
	// asked again and again within the run already.
	firstRetry   = time.Minute
	longestRetry = time.Hour
)

// reconciler is what the schedule runs: *reconcile.Reconciler.
type reconciler interface {
	Run(ctx context.Context) (*reconcile.Report, error)
	LastRun(ctx context.Context) (reconcile.LastRun, error)
}

// schedule reconciles every interval, on the instance whose turn it is. Nothing
// that goes wrong in it ends or delays anything else.
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
	pauses.InitialInterval, pauses.MaxInterval, pauses.Multiplier = min(firstRetry, interval), min(longestRetry, interval), 2
	return &schedule{interval: interval, turn: turn, runs: runs, metrics: metrics, now: now, log: log.Named("schedule"), pauses: pauses}
}

// run goes on until ctx ends. There is never more than one reconciliation at once.
func (s *schedule) run(ctx context.Context) {
	for {
		held, release, err := s.turn.hold(ctx)
		if err != nil {
			return
		}
		s.log.Info("this instance reconciles", zap.Duration("interval", s.interval))
		for held.Err() == nil {
			s.sleep(held, s.step(held))
		}
		if ctx.Err() == nil {
			s.log.Info("this instance no longer reconciles", zap.Error(context.Cause(held)))
		}
		release()
		s.metrics.leave()
	}
}

// step does what is due, and gives how long nothing will be.
func (s *schedule) step(ctx context.Context) time.Duration {
	standing, err := s.runs.LastRun(ctx)
	if err == nil {
		s.metrics.stand(standing)
		if wait := s.due(standing.CompletedAt); wait > 0 {
			return min(wait, lookAgain)
		}
		err = s.reconcile(ctx)
	}
	if ctx.Err() != nil {
		return 0
	}
	if err != nil {
		pause := s.pauses.NextBackOff()
		s.log.Error("reconciliation failed, another is tried after a pause", zap.Duration("pause", pause), zap.Error(err))
		return pause
	}
	s.pauses.Reset()
	s.done = s.now()
	return 0 // look at what it has left
}

// due is how long the next run is away, counted from the newest complete one of
// any instance: an interval at most. One that was missed is due now, and so is one
// where the last is only known to lie in the future.
func (s *schedule) due(completed time.Time) time.Duration {
	now := s.now()
	if completed.After(now) {
		completed = time.Time{} // a clock was ahead: when that was is not known
	}
	if s.done.After(now) {
		s.done = now // this one's was, and has been set back
	}
	if s.done.After(completed) {
		completed = s.done // whatever the table says, not again and again
	}
	if completed.IsZero() {
		return 0
	}
	return completed.Add(s.interval).Sub(now)
}

// reconcile is one run, counted.
func (s *schedule) reconcile(ctx context.Context) error {
	begun := s.now()
	s.log.Info(LogReconcileStarted)
	report, err := s.runs.Run(ctx)
	took := s.now().Sub(begun)
	switch {
	case err == nil:
		s.metrics.ran(outcomeOf(report), took)
		s.tell(report, took)
	case ctx.Err() != nil:
		s.metrics.ran(runCanceled, took)
		s.log.Info("reconciliation was called off", zap.Duration("elapsed", took), zap.Error(context.Cause(ctx)))
	default:
		s.metrics.ran(runFailed, took)
	}
	return err
}

// tell is one line a run; who is concerned is in the table drift.
func (s *schedule) tell(r *reconcile.Report, took time.Duration) {
	level := s.log.Info
	if !r.Clean() || r.Snapshot.TombstonesWithheld > 0 {
		level = s.log.Warn
	}
	level("reconciled", zap.Stringer("run_id", r.RunID), zap.Bool("clean", r.Clean()), zap.Bool("superseded", r.Superseded),
		zap.Uint64("compared", r.Compared), zap.Uint64("opened", r.Opened), zap.Uint64("closed", r.Closed), zap.Uint64("open", r.Open),
		zap.Uint64("tombstones_withheld", r.Snapshot.TombstonesWithheld), zap.Duration("elapsed", took))
}

// sleep waits, or until ctx ends.
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
