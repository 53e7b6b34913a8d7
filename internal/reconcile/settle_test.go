package reconcile

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// scriptedStream gives one set of positions after the other; the last one stays.
type scriptedStream struct {
	frames [][]Position
	fails  error // after the last frame
	shown  int
}

func (f *scriptedStream) Positions(context.Context) ([]Position, error) {
	f.shown++
	if f.shown > len(f.frames) {
		if f.fails != nil {
			return nil, f.fails
		}
		return f.frames[len(f.frames)-1], nil
	}
	return f.frames[f.shown-1], nil
}

func at(partition int32, committed, lastStable int64) Position {
	return Position{Topic: "t", Partition: partition, Committed: committed, LastStable: lastStable, LogEnd: lastStable}
}

// blocked is a partition of which a transaction holds the end.
func blocked(committed, lastStable, end int64) Position {
	return Position{Topic: "t", Committed: committed, LastStable: lastStable, LogEnd: end}
}

// settles runs settle with a clock that only waiting moves.
func settles(ctx context.Context, f *scriptedStream, of func(now time.Time) summary) (took time.Duration, logs *observer.ObservedLogs, err error) {
	core, logs := observer.New(zap.InfoLevel)
	cfg := Defaults()
	r := &Reconciler{cfg: cfg, Deps: Deps{Now: time.Now, Log: zap.New(core)}}
	if f != nil {
		r.Stream = f
	}
	began := time.Now()
	err = r.settle(ctx, of(began))
	return time.Since(began), logs, err
}

func TestSettle_WaitsForTheStream(t *testing.T) {
	fresh := func(now time.Time) summary {
		return summary{Source: sourceAPI, AsOf: now.Add(-time.Hour), CompletedAt: now, Until: now}
	}
	for name, c := range map[string]struct {
		frames [][]Position
		of     func(now time.Time) summary
		took   time.Duration
	}{
		"nothing_to_wait_for":                {[][]Position{{at(0, 10, 10), at(1, 0, 0)}}, fresh, 15 * time.Minute},
		"until_it_has_caught_up":             {[][]Position{{at(0, 4, 10)}, {at(0, 9, 12)}, {at(0, 10, 20)}}, fresh, 15*time.Minute + 10*time.Second},
		"every_partition":                    {[][]Position{{at(0, 10, 10), at(1, 3, 4)}, {at(0, 10, 12), at(1, 4, 4)}}, fresh, 15*time.Minute + 5*time.Second},
		"a_new_partition_is_later":           {[][]Position{{at(0, 4, 10)}, {at(0, 10, 10), at(1, -1, 7)}}, fresh, 15*time.Minute + 5*time.Second},
		"one_that_has_gone_is_not_awaited":   {[][]Position{{at(0, 10, 10), at(1, 3, 4)}, {at(0, 10, 10)}}, fresh, 15*time.Minute + 5*time.Second},
		"a_recreated_topic":                  {[][]Position{{at(0, 4, 10)}, {at(0, 2, 3)}, {at(0, 3, 3)}}, fresh, 15*time.Minute + 10*time.Second},
		"nothing_committed_and_nothing_left": {[][]Position{{{Topic: "t", Committed: -1, LogStart: 8, LastStable: 8, LogEnd: 8}}}, fresh, 15 * time.Minute},
		"nothing_committed_yet":              {[][]Position{{{Topic: "t", Committed: -1, LogStart: 7, LastStable: 8, LogEnd: 8}}, {at(0, 8, 8)}}, fresh, 15*time.Minute + 5*time.Second},
		"until_an_open_transaction_has_ended": {[][]Position{{blocked(10, 10, 60)}, {blocked(10, 10, 70)}, {blocked(40, 70, 70)}, {blocked(60, 70, 90)}},
			fresh, 15*time.Minute + 15*time.Second},
		"a_transaction_that_began_later": {[][]Position{{at(0, 9, 10)}, {blocked(10, 10, 60)}}, fresh, 15*time.Minute + 5*time.Second},
		"a_file_of_last_week": {[][]Position{{at(0, 10, 10)}}, func(now time.Time) summary {
			return summary{Source: sourceCSV, AsOf: now.Add(-7 * aDay), CompletedAt: now, Until: now.Add(-7 * aDay)}
		}, 0},
		"a_file_that_took_an_hour_to_make": {[][]Position{{at(0, 10, 10)}}, func(now time.Time) summary {
			return summary{Source: sourceCSV, AsOf: now.Add(-time.Hour), CompletedAt: now, Until: now.Add(-time.Minute)}
		}, 14 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				if took, _, err := settles(ctx, &scriptedStream{frames: c.frames}, c.of); err != nil || took != c.took {
					t.Errorf("took %v, %v; want %v", took, err, c.took)
				}
			})
		})
	}
	t.Run("no_stream", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			if took, _, err := settles(t.Context(), nil, fresh); err != nil || took != 15*time.Minute {
				t.Errorf("took %v, %v", took, err)
			}
		})
	})
}

func TestSettle_SaysWhatItWaitsForAndEnds(t *testing.T) {
	fresh := func(now time.Time) summary { return summary{Source: sourceAPI, CompletedAt: now, Until: now} }
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute+150*time.Second)
		defer cancel()
		var frame []Position
		for p := range int32(8) {
			frame = append(frame, at(p, 5, 6+int64(p)))
		}
		_, logs, err := settles(ctx, &scriptedStream{frames: [][]Position{frame}}, fresh)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if n := logs.Len(); n != 2 {
			t.Fatalf("%d lines in two minutes and a half", n)
		}
		if got := logs.All()[0].ContextMap()["behind"]; got != "t/0 by 1, t/1 by 2, t/2 by 3, t/3 by 4, t/4 by 5, and 3 more" {
			t.Errorf("got %v", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute+90*time.Second)
		defer cancel()
		_, logs, _ := settles(ctx, &scriptedStream{frames: [][]Position{{blocked(10, 10, 510)}}}, fresh)
		if got := logs.All()[0].ContextMap()["behind"]; got != "t/0 by 500 (an open transaction from offset 10 on)" {
			t.Errorf("got %v", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if took, _, err := settles(ctx, nil, fresh); !errors.Is(err, context.DeadlineExceeded) || took != time.Minute {
			t.Errorf("got %v after %v", err, took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("no such topic")
		_, _, err := settles(t.Context(), &scriptedStream{frames: [][]Position{{at(0, 1, 2)}}, fails: gone}, fresh)
		if !errors.Is(err, gone) || !strings.Contains(err.Error(), "wait for the consumer group") {
			t.Errorf("got %v", err)
		}
	})
}

func TestConfig_ReportsEveryMistake(t *testing.T) {
	if err := Defaults().Validate(); err != nil {
		t.Error(err)
	}
	err := Config{Settle: -1, Keep: 2, DynamicCancel: "later", StartedAtTolerance: -1, Verify: -1}.Validate()
	for _, key := range []string{"reconcile.settle", "reconcile.keep", "reconcile.dynamic_cancel", "reconcile.started_at_tolerance", "reconcile.verify"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%v does not name %s", err, key)
		}
	}
}
