package service

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pianola/pianola/internal/export"
)

// scriptedExporter takes a minute for an export, and keeps its manifest as a destination
// does.
type scriptedExporter struct {
	newest  *export.Manifest
	results []func(*export.Manifest) error // of the first runs; the others are complete
	blind   error
	begun   []time.Duration
	since   time.Time
	at      int // exports under way
	most    int
}

func (s *scriptedExporter) Latest(context.Context, export.Request) (*export.Manifest, error) {
	return s.newest, s.blind
}

func (s *scriptedExporter) Run(ctx context.Context, _ export.Request) (*export.Manifest, error) {
	s.begun = append(s.begun, time.Since(s.since))
	s.at++
	s.most = max(s.most, s.at)
	defer func() { s.at-- }()
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	m := &export.Manifest{Rows: 7, Bytes: 70, Watermark: export.Instant(time.Now())}
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if n := len(s.begun); n <= len(s.results) {
		if err := s.results[n-1](m); err != nil || m.NothingExported != "" {
			return m, err
		}
	}
	m.FinishedAt = export.Instant(time.Now())
	s.newest = m
	return m, nil
}

func scheduled(t *testing.T, text string) export.Scheduled {
	t.Helper()
	item, err := export.ParseScheduled(text, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return item
}

const everyHour = "stream --to /x --format csv --since last --every 1h"

// playExports runs the schedules of two items for so long on the owner, with one exporter.
func playExports(t *testing.T, e *scriptedExporter, lasts time.Duration, meanwhile func(*ownership, *prometheus.Registry)) (*prometheus.Registry, *observer.ObservedLogs) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	core, logs := observer.New(zapcore.InfoLevel)
	synctest.Test(t, func(t *testing.T) {
		e.since = time.Now()
		turn := newOwnership(topic, time.Minute)
		item := scheduled(t, everyHour)
		metrics := newExportMetrics(registry, []export.Scheduled{item})
		one := make(chan struct{}, 1)
		ctx, cancel := context.WithTimeout(t.Context(), lasts)
		defer cancel()
		turn.assigned(first)
		if meanwhile != nil {
			go meanwhile(turn, registry)
		}
		newSchedule(item.Every, turn, &scheduledExport{exporter: e, item: item, metrics: metrics, one: one, now: time.Now, log: zap.New(core)}, time.Now, zap.New(core)).run(ctx)
	})
	return registry, logs
}

// value is the value of a series of one item; outcome may be empty.
func value(t *testing.T, registry *prometheus.Registry, name, outcome string) (value float64, found bool) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			last := m.GetLabel()[0] // labels are sorted: format, outcome, to, view
			for _, l := range m.GetLabel() {
				if l.GetName() == "outcome" {
					last = l
				}
			}
			if f.GetName() == name && (outcome == "" || last.GetValue() == outcome) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue(), true
			}
		}
	}
	return 0, false
}

// TestScheduledExport_Outcomes: every outcome is counted. A finding waits for the next
// interval, a failure for a pause, and neither moves the last success.
func TestScheduledExport_Outcomes(t *testing.T) {
	e := &scriptedExporter{results: []func(*export.Manifest) error{
		func(*export.Manifest) error { return nil },
		func(m *export.Manifest) error { m.NothingExported = "why"; return nil },
		func(*export.Manifest) error { return errors.New("the bucket is away") },
	}}
	registry, logs := playExports(t, e, 4*time.Hour+30*time.Minute, func(_ *ownership, registry *prometheus.Registry) {
		pass(time.Hour + 30*time.Minute) // after the finding
		success, _ := value(t, registry, "pianola_export_last_success_timestamp_seconds", "")
		if want := float64(e.since.Add(time.Minute).UnixMilli()) / 1000; success != want {
			t.Errorf("the last success is at %v, want %v", success, want)
		}
	})
	for outcome, want := range map[string]float64{exportComplete: 4, exportNothing: 1, exportFailed: 1, exportCanceled: 0, exportUnread: 0} {
		if n, _ := value(t, registry, "pianola_exports_total", outcome); n != want {
			t.Errorf("%v exports are %s, want %v", n, outcome, want)
		}
	}
	if rows, _ := value(t, registry, "pianola_exported_rows_total", ""); rows != 28 {
		t.Errorf("%v rows", rows)
	}
	for message, want := range map[string]int{LogExportStarted: 6, LogNothingExported: 1, "export completed": 4, "scheduled run failed, retrying after a pause": 1} {
		if n := logs.FilterMessage(message).Len(); n != want {
			t.Errorf("%q was logged %d times, want %d", message, n, want)
		}
	}
	if len(e.begun) != 6 || e.begun[1] != time.Hour+time.Minute || e.begun[2] != 2*time.Hour+2*time.Minute || e.begun[3]-e.begun[2] > 4*time.Minute {
		t.Errorf("exports began at %v", e.begun)
	}
}

// TestScheduledExport_LostPartition: the export ends, and this instance shows nothing of it.
func TestScheduledExport_LostPartition(t *testing.T) {
	e := &scriptedExporter{}
	registry, _ := playExports(t, e, 2*time.Hour, func(turn *ownership, registry *prometheus.Registry) {
		pass(30 * time.Second)
		if _, shown := value(t, registry, "pianola_export_interval_seconds", ""); !shown {
			t.Error("the owner does not show the interval")
		}
		turn.assigned(others)
		synctest.Wait()
		if e.at != 0 {
			t.Error("the export continues")
		}
		for _, name := range []string{"pianola_export_last_success_timestamp_seconds", "pianola_export_interval_seconds"} {
			if _, shown := value(t, registry, name, ""); shown {
				t.Errorf("an instance that does not export shows %s", name)
			}
		}
	})
	if n, _ := value(t, registry, "pianola_exports_total", exportCanceled); n != 1 {
		t.Errorf("%v exports were canceled", n)
	}
}

// TestScheduledExport_UnreadableDestination is a failure: nobody knows when the last one was.
func TestScheduledExport_UnreadableDestination(t *testing.T) {
	e := &scriptedExporter{blind: errors.New("no access")}
	registry, _ := playExports(t, e, time.Hour, nil)
	if n, _ := value(t, registry, "pianola_exports_total", exportUnread); n < 3 || len(e.begun) > 0 {
		t.Errorf("%v failures, %d exports", n, len(e.begun))
	}
}

// TestScheduledExport_OneAtATime: exports of two items never overlap.
func TestScheduledExport_OneAtATime(t *testing.T) {
	e := &scriptedExporter{}
	synctest.Test(t, func(t *testing.T) {
		items := []export.Scheduled{scheduled(t, everyHour), scheduled(t, "traits --to /x --format csv --every 1h")}
		metrics := newExportMetrics(prometheus.NewRegistry(), items)
		one := make(chan struct{}, 1)
		for _, item := range items {
			go func() {
				task := &scheduledExport{exporter: e, item: item, metrics: metrics, one: one, now: time.Now, log: zap.NewNop()}
				if err := task.run(t.Context()); err != nil {
					t.Error(err)
				}
			}()
		}
		pass(3 * time.Minute)
	})
	if len(e.begun) != 2 || e.most != 1 {
		t.Errorf("%d exports, %d at once", len(e.begun), e.most)
	}
}
