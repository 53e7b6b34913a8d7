package service

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/reconcile"
)

// The ways that a run ends, as a label.
const (
	runComplete   = "complete"
	runSuperseded = "superseded" // a run of a later snapshot was complete first
	runFailed     = "failed"
	runCanceled   = "canceled" // partition 0 went elsewhere, or the service ends
)

// driftMetrics are those of reconciling. No label comes from outside: kinds,
// reasons, endpoints and outcomes are closed sets.
//
// What is counted is this process's. What the newest run has left behind is told by
// the instance that reconciles alone, whoever ran it; on the others the series are
// not there, so that none is older than it looks.
type driftMetrics struct {
	drift       *prometheus.GaugeVec // kind, severity
	last        *prometheus.GaugeVec
	compared    *prometheus.GaugeVec
	candidates  *prometheus.GaugeVec
	notCompared *prometheus.GaugeVec // reason

	runs     *prometheus.CounterVec // outcome
	duration prometheus.Histogram
	pages    prometheus.Counter
	requests *prometheus.CounterVec   // endpoint, status, outcome
	answers  *prometheus.HistogramVec // endpoint
}

func newDriftMetrics(registry prometheus.Registerer) *driftMetrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "pianola", Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "pianola", Name: name, Help: help}, labels)
	}
	m := &driftMetrics{
		drift: gauge("drift_open", "Open disagreements between stream and API, by kind and severity, after the newest complete run; "+
			"only where reconciling is this instance's.", "kind", "severity"),
		last: gauge("reconciliation_last_success_timestamp_seconds",
			"When the newest complete run completed, by whichever instance; 0 before any; only where reconciling is this instance's."),
		compared: gauge("reconciliation_compared_subscriptions", "Subscriptions that the newest complete run has compared."),
		candidates: gauge("reconciliation_candidate_subscriptions",
			"Subscriptions that differed in the newest complete run, before the API was asked about them again."),
		notCompared: gauge("reconciliation_not_compared_subscriptions",
			"Subscriptions that the newest complete run has left out, by reason.", "reason"),
		runs: counter("reconciliations_total", "Runs of this process that have ended, by outcome.", "outcome"),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "pianola", Name: "reconciliation_duration_seconds",
			Help: "Time of a run that was complete, waiting for the stream included.", Buckets: prometheus.ExponentialBuckets(1, 2, 16)}),
		pages: prometheus.NewCounter(prometheus.CounterOpts{Namespace: "pianola", Name: "snapshot_pages_total",
			Help: "Pages of subscriptions read from Piano's API."}),
		requests: counter("piano_requests_total", "Attempts of requests to Piano's API, by endpoint, class of status (none: no answer), and outcome.",
			"endpoint", "status", "outcome"),
		answers: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "pianola", Name: "piano_request_duration_seconds",
			Help: "Time of one attempt of a request to Piano's API.", Buckets: prometheus.ExponentialBuckets(0.01, 2, 14)}, []string{"endpoint"}),
	}
	registry.MustRegister(m.drift, m.last, m.compared, m.candidates, m.notCompared, m.runs, m.duration, m.pages, m.requests, m.answers)

	// Series that alerts name exist from the start, at zero.
	for _, outcome := range []string{runComplete, runSuperseded, runFailed, runCanceled} {
		m.runs.WithLabelValues(outcome)
	}
	return m
}

// apiHooks feed the metrics from the client of Piano's API.
func (m *driftMetrics) apiHooks() piano.Hooks {
	return piano.Hooks{OnRequest: func(endpoint string, status int, outcome piano.Outcome, took time.Duration) {
		class := "none"
		if status >= 100 && status <= 599 {
			class = strconv.Itoa(status/100) + "xx"
		}
		m.requests.WithLabelValues(endpoint, class, string(outcome)).Inc()
		m.answers.WithLabelValues(endpoint).Observe(took.Seconds())
	}}
}

// runHooks feed them from a run.
func (m *driftMetrics) runHooks() reconcile.Hooks {
	return reconcile.Hooks{OnPage: func(int) { m.pages.Inc() }}
}

// ran counts a run that has ended.
func (m *driftMetrics) ran(outcome string, took time.Duration) {
	m.runs.WithLabelValues(outcome).Inc()
	if outcome == runComplete || outcome == runSuperseded {
		m.duration.Observe(took.Seconds())
	}
}

func outcomeOf(r *reconcile.Report) string {
	if r.Superseded {
		return runSuperseded
	}
	return runComplete
}

// stand shows what the newest complete run has left behind.
func (m *driftMetrics) stand(s reconcile.LastRun) {
	if s.CompletedAt.IsZero() {
		m.last.WithLabelValues().Set(0)
		return
	}
	m.last.WithLabelValues().Set(float64(s.CompletedAt.UnixMilli()) / 1000)
	m.compared.WithLabelValues().Set(float64(s.Compared))
	m.candidates.WithLabelValues().Set(float64(s.Candidates))
	m.notCompared.Reset()
	for reason, count := range s.NotCompared {
		m.notCompared.WithLabelValues(reason).Set(float64(count))
	}
	for _, kind := range reconcile.Kinds() {
		m.drift.WithLabelValues(string(kind), string(kind.Severity())).Set(float64(s.Open[kind]))
	}
}

// leave takes back what only the instance that reconciles tells.
func (m *driftMetrics) leave() {
	for _, gauge := range []*prometheus.GaugeVec{m.drift, m.last, m.compared, m.candidates, m.notCompared} {
		gauge.Reset()
	}
}
