package service

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/reconcile"
)

// scripted is a reconciler whose runs take a minute and have scripted results. It
// records when runs start, relative to the start of the test.
type scripted struct {
	t        *testing.T
	begun    []time.Duration
	since    time.Time
	mu       sync.Mutex
	standing reconcile.LastRun
	blind    error // of LastRun
	fails    func(run int) error
	forgets  bool // a run leaves nothing behind
	runs     int  // under way
	registry *prometheus.Registry
}

// series are a gauge's or a counter's values by their first label.
func (s *scripted) series(name string) map[string]float64 {
	s.t.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	found := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				label := ""
				if labels := m.GetLabel(); len(labels) > 0 {
					label = labels[0].GetValue()
				}
				found[label] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return found
}

func (s *scripted) LastRun(context.Context) (reconcile.LastRun, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.standing, s.blind
}

// ran leaves behind what a run does.
func (s *scripted) ran() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.standing = reconcile.LastRun{CompletedAt: time.Now(), SucceededAt: time.Now(), Open: map[reconcile.Kind]uint64{reconcile.StatusDiffers: 2}}
}

func (s *scripted) Run(ctx context.Context) (*reconcile.Report, error) {
	if s.runs++; s.runs > 1 {
		s.t.Error("two runs at once")
	}
	defer func() { s.runs-- }()
	s.begun = append(s.begun, time.Since(s.since))
	if s.fails != nil {
		if err := s.fails(len(s.begun)); err != nil {
			return nil, err
		}
	}
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if !s.forgets {
		s.ran()
	}
	return &reconcile.Report{}, nil
}

// play runs a schedule of 24 hours for so long, on the instance that owns the
// partition, and gives when runs began.
func play(t *testing.T, runs *scripted, lasts time.Duration, meanwhile func(*schedule)) []time.Duration {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		runs.t, runs.since, runs.registry = t, time.Now(), prometheus.NewRegistry()
		turn := newOwnership(topic, time.Minute)
		s := newSchedule(24*time.Hour, turn, newReconciliation(runs, newDriftMetrics(runs.registry), time.Now, zap.NewNop()), time.Now, zap.NewNop())
		ctx, cancel := context.WithTimeout(t.Context(), lasts)
		defer cancel()
		turn.assigned(first)
		if meanwhile != nil {
			go meanwhile(s)
		}
		s.run(ctx)
	})
	return runs.begun
}

func wantRuns(t *testing.T, got []time.Duration, want ...time.Duration) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("runs began at %v, want %v", got, want)
	}
}

func TestSchedule_IntervalStartsAtLatestRun(t *testing.T) {
	t.Run("the_first_at_once", func(t *testing.T) {
		wantRuns(t, play(t, &scripted{}, 49*time.Hour, nil), 0, 24*time.Hour+time.Minute, 48*time.Hour+2*time.Minute)
	})
	t.Run("another_instance_ran", func(t *testing.T) {
		runs := &scripted{}
		wantRuns(t, play(t, runs, 30*time.Hour, func(*schedule) {
			pass(10 * time.Hour)
			runs.ran()
		}), 0)
	})
	t.Run("a_missed_one_is_made_up", func(t *testing.T) {
		runs := &scripted{standing: reconcile.LastRun{CompletedAt: time.Unix(1, 0)}}
		wantRuns(t, play(t, runs, time.Hour, nil), 0)
	})
	t.Run("not_again_and_again_where_a_run_leaves_nothing_behind", func(t *testing.T) {
		wantRuns(t, play(t, &scripted{forgets: true}, 25*time.Hour, nil), 0, 24*time.Hour+time.Minute)
	})
	t.Run("a_run_in_the_future_does_not_put_it_off", func(t *testing.T) {
		runs := &scripted{forgets: true, standing: reconcile.LastRun{CompletedAt: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)}}
		wantRuns(t, play(t, runs, 49*time.Hour, nil), 0, 24*time.Hour+time.Minute, 48*time.Hour+2*time.Minute)
	})
	t.Run("a_clock_that_was_set_back_does_not_put_it_off", func(t *testing.T) {
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		s := &schedule{interval: 24 * time.Hour, now: func() time.Time { return now }, done: now.AddDate(1, 0, 0)}
		for _, want := range []time.Duration{24 * time.Hour, 23 * time.Hour} { // counted from the first look
			if wait := s.due(s.done); wait != want {
				t.Errorf("the next run is %v away, want %v", wait, want)
			}
			now = now.Add(time.Hour)
		}
	})
}

func TestSchedule_FailuresBackOff(t *testing.T) {
	runs := &scripted{fails: func(run int) error {
		if run == 20 {
			return nil
		}
		return errors.New("no")
	}}
	begun := play(t, runs, 20*maxRetry*3/2+25*time.Hour, nil) // the longest pauses, and a day
	if len(begun) < 21 {
		t.Fatalf("only %d runs", len(begun))
	}
	for i := 1; i < 20; i++ {
		pause := begun[i] - begun[i-1]
		if pause < minRetry/2 || pause > maxRetry*3/2 {
			t.Errorf("pause %d is %v", i, pause)
		}
		if i > 8 && pause < maxRetry/2 {
			t.Errorf("pause %d is only %v", i, pause)
		}
	}
	if after := begun[20] - begun[19]; after != 24*time.Hour+time.Minute {
		t.Errorf("after a run that was complete the next came in %v", after)
	}

	blind := &scripted{blind: errors.New("ClickHouse is away")}
	if begun := play(t, blind, time.Hour, nil); len(begun) != 0 {
		t.Errorf("%d runs, though nobody knows when the last one was", len(begun))
	}
}

func TestSchedule_LostPartitionCancelsRun(t *testing.T) {
	runs := &scripted{}
	begun := play(t, runs, 2*time.Hour, func(s *schedule) {
		pass(30 * time.Second)
		s.turn.assigned(others)
		synctest.Wait()
		if runs.runs != 0 {
			t.Error("the run continues")
		}
		if n := runs.series("pianola_reconciliations_total")[runCanceled]; n != 1 {
			t.Errorf("%v runs were canceled", n)
		}
		if len(runs.series("pianola_reconciliation_last_success_timestamp_seconds")) > 0 {
			t.Error("an instance that does not reconcile exposes the last run")
		}
		pass(time.Hour)
		s.turn.assigned(first)
		pass(2 * time.Minute)
		if n := runs.series("pianola_drift_open"); n["status"] != 2 || len(n) != len(reconcile.Kinds()) {
			t.Errorf("open drift is %v", n)
		}
	})
	wantRuns(t, begun, 0, time.Hour+30*time.Second)
}
