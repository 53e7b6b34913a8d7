package service

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/reconcile"
)

// Outcomes of a run, as a label.
const (
	runComplete   = "complete"
	runSuperseded = "superseded"       // a run with a later snapshot completed first
	runNothing    = "nothing_compared" // there was something to compare, so it shows nothing
	runFailed     = "failed"
	runCanceled   = "canceled" // partition 0 moved, or the service stops
)

// driftMetrics are the metrics of reconciliation. All labels are closed sets: kinds,
// reasons, endpoints and outcomes.
//
// Counters and histograms describe this process. Gauges describe the latest completed
// run, which may have been another process. Only the owner of partition 0 exposes
// them: others delete these series, so that no stale value is scraped.
type driftMetrics struct {
	drift       *prometheus.GaugeVec // kind, severity
	last        *prometheus.GaugeVec
	compared    *prometheus.GaugeVec
	candidates  *prometheus.GaugeVec
	notCompared *prometheus.GaugeVec // reason
	withheld    *prometheus.GaugeVec

	runs      *prometheus.CounterVec // outcome
	duration  prometheus.Histogram
	pages     prometheus.Counter
	requests  *prometheus.CounterVec   // endpoint, status, outcome
	durations *prometheus.HistogramVec // endpoint
}

func newDriftMetrics(registry prometheus.Registerer) *driftMetrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "pianola", Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "pianola", Name: name, Help: help}, labels)
	}
	m := &driftMetrics{
		drift: gauge("drift_open", "Open differences between stream and API after the latest completed run; only on the owner of reconciliation.", "kind", "severity"),
		last: gauge("reconciliation_last_success_timestamp_seconds",
			"Completion time of the latest completed run of any instance that compared something, or had nothing to compare; 0 before the first; only on the owner of reconciliation."),
		compared: gauge("reconciliation_compared_subscriptions", "Subscriptions that the latest completed run compared."),
		candidates: gauge("reconciliation_candidate_subscriptions",
			"Subscriptions that differed in the latest completed run, before they were read from the API again."),
		notCompared: gauge("reconciliation_not_compared_subscriptions",
			"Subscriptions that the latest completed run did not compare, by reason.", "reason"),
		withheld: gauge("reconciliation_tombstones_withheld",
			"Subscriptions that are missing from two snapshots in a row, too many to count as deleted; see pianola reconcile --accept-deletions."),
		runs: counter("reconciliations_total", "Finished runs of this process, by outcome.", "outcome"),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "pianola", Name: "reconciliation_duration_seconds",
			Help: "Duration of a completed run, including the wait for the stream.", Buckets: prometheus.ExponentialBuckets(1, 2, 16)}),
		pages: prometheus.NewCounter(prometheus.CounterOpts{Namespace: "pianola", Name: "snapshot_pages_total",
			Help: "Pages of subscriptions that were read from Piano's API."}),
		requests: counter("piano_requests_total", "Request attempts to Piano's API, by endpoint, status class (none: no response) and outcome.",
			"endpoint", "status", "outcome"),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "pianola", Name: "piano_request_duration_seconds",
			Help: "Duration of one request attempt to Piano's API.", Buckets: prometheus.ExponentialBuckets(0.01, 2, 14)}, []string{"endpoint"}),
	}
	registry.MustRegister(m.drift, m.last, m.compared, m.candidates, m.notCompared, m.withheld, m.runs, m.duration, m.pages, m.requests, m.durations)

	// Series that alerts use exist from the start, with the value 0.
	for _, outcome := range []string{runComplete, runSuperseded, runNothing, runFailed, runCanceled} {
		m.runs.WithLabelValues(outcome)
	}
	return m
}

// apiHooks count the requests to Piano's API.
func (m *driftMetrics) apiHooks() piano.Hooks {
	return piano.Hooks{OnRequest: func(endpoint string, status int, outcome piano.Outcome, took time.Duration) {
		class := "none"
		if status >= 100 && status <= 599 {
			class = strconv.Itoa(status/100) + "xx"
		}
		m.requests.WithLabelValues(endpoint, class, string(outcome)).Inc()
		m.durations.WithLabelValues(endpoint).Observe(took.Seconds())
	}}
}

// runHooks count the pages of a run.
func (m *driftMetrics) runHooks() reconcile.Hooks {
	return reconcile.Hooks{OnPage: func(int) { m.pages.Inc() }}
}

// finished counts a finished run.
func (m *driftMetrics) finished(outcome string, took time.Duration) {
	m.runs.WithLabelValues(outcome).Inc()
	if outcome == runComplete || outcome == runSuperseded || outcome == runNothing {
		m.duration.Observe(took.Seconds())
	}
}

func outcomeOf(r *reconcile.Report) string {
	switch {
	case r.Superseded:
		return runSuperseded
	case r.NothingCompared:
		return runNothing
	default:
		return runComplete
	}
}

// stand shows what the newest complete run has left behind.
func (m *driftMetrics) stand(s reconcile.LastRun) {
	if s.CompletedAt.IsZero() {
		m.last.WithLabelValues().Set(0)
		return
	}
	m.last.WithLabelValues().Set(0)
	if !s.SucceededAt.IsZero() {
		m.last.WithLabelValues().Set(float64(s.SucceededAt.UnixMilli()) / 1000)
	}
	m.withheld.WithLabelValues().Set(float64(s.TombstonesWithheld))
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

// clear deletes the series of the owner.
func (m *driftMetrics) clear() {
	for _, gauge := range []*prometheus.GaugeVec{m.drift, m.last, m.compared, m.candidates, m.notCompared, m.withheld} {
		gauge.Reset()
	}
}
