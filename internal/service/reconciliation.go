package service

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/reconcile"
)

// reconciler is implemented by *reconcile.Reconciler.
type reconciler interface {
	Run(ctx context.Context) (*reconcile.Report, error)
	LastRun(ctx context.Context) (reconcile.LastRun, error)
}

// reconciliation is the task that compares the stream with Piano's API.
type reconciliation struct {
	runs    reconciler
	metrics *driftMetrics
	now     func() time.Time
	log     *zap.Logger
}

func newReconciliation(runs reconciler, metrics *driftMetrics, now func() time.Time, log *zap.Logger) *reconciliation {
	return &reconciliation{runs: runs, metrics: metrics, now: now, log: log.Named("reconcile")}
}

// last implements task.
func (r *reconciliation) last(ctx context.Context) (time.Time, error) {
	standing, err := r.runs.LastRun(ctx)
	if err == nil {
		r.metrics.stand(standing)
	}
	return standing.CompletedAt, err
}

// lost implements task.
func (r *reconciliation) lost() { r.metrics.clear() }

// run implements task.
func (r *reconciliation) run(ctx context.Context) error {
	start := r.now()
	r.log.Info(LogReconcileStarted)
	report, err := r.runs.Run(ctx)
	took := r.now().Sub(start)
	switch {
	case err == nil:
		r.metrics.finished(outcomeOf(report), took)
		r.logResult(report, took)
	case ctx.Err() != nil:
		r.metrics.finished(runCanceled, took)
		r.log.Info("reconciliation canceled", zap.Duration("elapsed", took), zap.Error(context.Cause(ctx)))
	default:
		r.metrics.finished(runFailed, took)
	}
	return err
}

// logResult writes one line per run. The table drift has the subscriptions.
func (r *reconciliation) logResult(one *reconcile.Report, took time.Duration) {
	level := r.log.Info
	if !one.Clean() || one.Snapshot.TombstonesWithheld > 0 || one.Snapshot.Unreadable > 0 {
		level = r.log.Warn
	}
	if one.NothingCompared {
		r.log.Error(LogNothingCompared, zap.Stringer("run_id", one.RunID), zap.Any("not_compared", one.NotCompared))
	}
	level("reconciliation completed", zap.Stringer("run_id", one.RunID), zap.Bool("clean", one.Clean()), zap.Bool("superseded", one.Superseded),
		zap.Uint64("compared", one.Compared), zap.Bool("nothing_compared", one.NothingCompared), zap.Uint64("opened", one.Opened), zap.Uint64("closed", one.Closed), zap.Uint64("open", one.Open),
		zap.Uint64("tombstones_withheld", one.Snapshot.TombstonesWithheld), zap.Uint64("unreadable", one.Snapshot.Unreadable), zap.Duration("elapsed", took))
}
