package service

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"
)

const (
	// recheckInterval is how long the schedule trusts its knowledge of the latest run.
	// A manual run postpones the next one, and clocks can change.
	recheckInterval = 5 * time.Minute
	// Pauses before a failed run is repeated. The run itself has already retried its
	// requests.
	minRetry = time.Minute
	maxRetry = time.Hour
)

// task is work that the owning instance repeats.
type task interface {
	// last returns when a run of any instance was last completed; zero for never. It
	// shows the result of that run in the metrics.
	last(ctx context.Context) (time.Time, error)
	// run works once. It logs and counts the run; the caller logs the error.
	run(ctx context.Context) error
	// lost removes the metrics that only the owner exposes.
	lost()
}

// schedule runs a task every interval on the owning instance. Its errors do not stop or
// delay the flow.
type schedule struct {
	interval time.Duration
	turn     *ownership
	task     task
	now      func() time.Time
	log      *zap.Logger

	pauses *backoff.ExponentialBackOff
	done   time.Time // when this process last completed a run
}

func newSchedule(interval time.Duration, turn *ownership, t task, now func() time.Time, log *zap.Logger) *schedule {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval, pauses.Multiplier = min(minRetry, interval), min(maxRetry, interval), 2
	return &schedule{interval: interval, turn: turn, task: t, now: now, log: log.Named("schedule"), pauses: pauses}
}

// run blocks until ctx ends. Runs of one task never overlap.
func (s *schedule) run(ctx context.Context) {
	for {
		held, release, err := s.turn.hold(ctx)
		if err != nil {
			return
		}
		s.log.Info("schedule ownership acquired", zap.Duration("interval", s.interval))
		for held.Err() == nil {
			s.sleep(held, s.step(held))
		}
		if ctx.Err() == nil {
			s.log.Info("schedule ownership released", zap.Error(context.Cause(held)))
		}
		release()
		s.task.lost()
	}
}

// step runs the task when it is due, and returns the time until the next check.
func (s *schedule) step(ctx context.Context) time.Duration {
	completed, err := s.task.last(ctx)
	if err == nil {
		if wait := s.due(completed); wait > 0 {
			return min(wait, recheckInterval)
		}
		err = s.task.run(ctx)
	}
	if ctx.Err() != nil {
		return 0
	}
	if err != nil {
		pause := s.pauses.NextBackOff()
		s.log.Error("scheduled run failed, retrying after a pause", zap.Duration("pause", pause), zap.Error(err))
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
		completed = s.done // also when the run has left nothing behind
	}
	if completed.IsZero() {
		return 0
	}
	return completed.Add(s.interval).Sub(now)
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
