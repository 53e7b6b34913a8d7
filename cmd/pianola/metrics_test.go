package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/service"
)

// serviceRegistry holds every metric of pianola run with reconciliation and exports.
func serviceRegistry(t *testing.T) *prometheus.Registry {
	t.Helper()
	settings, err := config.Load(config.Source{Environment: []string{
		"PIANOLA_KAFKA_BROKERS=127.0.0.1:1", "PIANOLA_CLICKHOUSE_ADDR=127.0.0.1:1", "PIANOLA_HTTP_LISTEN=127.0.0.1:0",
		"PIANOLA_PIANO_API_TOKEN=t", "PIANOLA_PIANO_AID=a",
		"PIANOLA_EXPORT_SCHEDULE=stream --to /nowhere --format parquet --every 1h",
	}}).Check()
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(service.BuildInfo("devel"))
	s, err := service.New(t.Context(), settings, service.Options{Log: zap.NewNop(), Registry: registry, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return registry
}

// Alerts and dashboards use these names, so they follow Prometheus' conventions.
func TestMetrics_FollowPrometheusNamingConventions(t *testing.T) {
	families, err := serviceRegistry(t).Gather()
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
		t.Errorf("only %d metrics exist from the start", len(families))
	}
}

// TestMetrics_PageListsExactlyTheMetrics compares docs/monitoring.md with the service:
// names and labels of all metrics, types of those that already have a series.
func TestMetrics_PageListsExactlyTheMetrics(t *testing.T) {
	page, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	type row struct{ kind, labels string }
	documented := map[string]row{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(pianola_[a-z_]+)` \\| (\\w+) \\| ([^|]*)\\|").FindAllStringSubmatch(string(page), -1) {
		if _, twice := documented[m[1]]; twice {
			t.Errorf("docs/monitoring.md lists %s twice", m[1])
		}
		documented[m[1]] = row{m[2], strings.NewReplacer("`", "", " ", "").Replace(m[3])}
	}
	registry := serviceRegistry(t)
	descriptions := make(chan *prometheus.Desc)
	go func() {
		defer close(descriptions)
		registry.Describe(descriptions)
	}()
	form := regexp.MustCompile(`fqName: "([^"]+)".*variableLabels: \{([^}]*)\}`)
	exposed := map[string]bool{}
	for d := range descriptions {
		m := form.FindStringSubmatch(d.String())
		name, labels := m[1], m[2]
		exposed[name] = true
		switch have, ok := documented[name]; {
		case !ok:
			t.Errorf("docs/monitoring.md does not list %s: %s", name, d)
		case have.labels != labels:
			t.Errorf("docs/monitoring.md: %s has the labels %q, not %q", name, labels, have.labels)
		case strings.HasSuffix(name, "_total") != (have.kind == "counter"):
			t.Errorf("docs/monitoring.md: %s is not a %s", name, have.kind)
		}
	}
	for name := range documented {
		if !exposed[name] {
			t.Errorf("docs/monitoring.md lists %s, which does not exist", name)
		}
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if have := documented[f.GetName()].kind; have != strings.ToLower(f.GetType().String()) {
			t.Errorf("docs/monitoring.md: %s is a %v, not a %s", f.GetName(), f.GetType(), have)
		}
	}
	// Every metric that a rule or a sentence of the page uses must exist too.
	for _, name := range regexp.MustCompile(`pianola_[a-z_]+`).FindAllString(string(page), -1) {
		if !slices.ContainsFunc([]string{"", "_bucket", "_sum", "_count"}, func(suffix string) bool { return exposed[strings.TrimSuffix(name, suffix)] }) {
			t.Errorf("docs/monitoring.md uses %s, which does not exist", name)
		}
	}
}
