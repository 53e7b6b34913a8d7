package service

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/reconcile"
)

// Alerts and dashboards are written against these names, by Prometheus' rules.
func TestDriftMetrics_FollowPrometheusNamingConventions(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m := newDriftMetrics(registry)
	m.stand(reconcile.LastRun{CompletedAt: time.Unix(1, 0), SucceededAt: time.Unix(1, 0), NotCompared: map[string]uint64{"recent": 3}})
	for _, outcome := range piano.Outcomes() {
		m.apiHooks().OnRequest("/publisher/subscription/list", 999, outcome, time.Second) // a server may say so
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if len(families) != 11 {
		t.Errorf("%d metrics", len(families))
	}
	// A run that found less leaves no series of the one before.
	m.stand(reconcile.LastRun{CompletedAt: time.Unix(2, 0)})
	if families, err = registry.Gather(); err != nil || len(families) != 10 {
		t.Errorf("%d metrics after a run that has compared everything, %v", len(families), err)
	}
}
