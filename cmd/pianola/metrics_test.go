package main

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/pianola/pianola/internal/pipeline"
)

// Alerts and dashboards are written against these names, by Prometheus' rules.
func TestMetrics_KeepToPrometheusNamingRules(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(buildInfo())
	pipeline.NewMetrics(registry, time.Now)
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
	if len(families) < 10 {
		t.Errorf("only %d metrics are there from the start", len(families))
	}
}
