package service

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pianola/pianola/internal/export"
)

// Outcomes of an export, as a label.
const (
	exportComplete = "complete"
	exportNothing  = "nothing_exported" // although there should be rows
	exportFailed   = "failed"
	exportCanceled = "canceled"   // partition 0 moved, or the service stops
	exportUnread   = "unreadable" // the newest manifest at the destination, so none begins
)

// exportMetrics are the metrics of scheduled exports. The configuration bounds their
// labels: view, format and destination of each item.
//
// Counters and histograms describe this process. Gauges describe the newest manifest at
// the destination, which another process may have written. Only the owner of partition 0
// exposes them.
type exportMetrics struct {
	last      *prometheus.GaugeVec
	watermark *prometheus.GaugeVec
	interval  *prometheus.GaugeVec
	rows      *prometheus.GaugeVec

	exports  *prometheus.CounterVec // and outcome
	written  *prometheus.CounterVec
	bytes    *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newExportMetrics(registry prometheus.Registerer, items []export.Scheduled) *exportMetrics {
	labels := []string{"view", "format", "to"}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "pianola", Name: name, Help: help}, labels)
	}
	counter := func(name, help string, more ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "pianola", Name: name, Help: help}, append(labels[:len(labels):len(labels)], more...))
	}
	m := &exportMetrics{
		last: gauge("export_last_success_timestamp_seconds",
			"End of the newest complete export at the destination; 0 before the first; only on the owner of the schedule."),
		watermark: gauge("export_watermark_timestamp_seconds",
			"Watermark of the newest complete export: its files have what was written until then; 0 before the first; only on the owner of the schedule."),
		interval: gauge("export_interval_seconds", "Configured interval of the export; only on the owner of the schedule."),
		rows:     gauge("export_rows", "Rows of the newest complete export; only on the owner of the schedule."),
		exports:  counter("exports_total", "Finished exports of this process, and failed looks at a destination, by outcome.", "outcome"),
		written:  counter("exported_rows_total", "Rows in complete exports of this process."),
		bytes:    counter("exported_bytes_total", "Bytes of files in complete exports of this process."),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "pianola", Name: "export_duration_seconds",
			Help: "Duration of a complete export.", Buckets: prometheus.ExponentialBuckets(0.25, 2, 16)}, labels),
	}
	registry.MustRegister(m.last, m.watermark, m.interval, m.rows, m.exports, m.written, m.bytes, m.duration)

	// Series that alerts use exist from the start, with the value 0.
	for _, item := range items {
		for _, outcome := range []string{exportComplete, exportNothing, exportFailed, exportCanceled, exportUnread} {
			m.exports.WithLabelValues(append(names(item), outcome)...)
		}
	}
	return m
}

// names are the values of the labels.
func names(item export.Scheduled) []string {
	return []string{item.View.Alias, string(item.Format), item.To()}
}

// stand shows the newest manifest at the destination; nil before the first.
func (m *exportMetrics) stand(item export.Scheduled, latest *export.Manifest) {
	m.interval.WithLabelValues(names(item)...).Set(item.Every.Seconds())
	if latest == nil {
		m.last.WithLabelValues(names(item)...).Set(0)
		m.watermark.WithLabelValues(names(item)...).Set(0)
		return
	}
	m.last.WithLabelValues(names(item)...).Set(float64(latest.FinishedAt.Time().UnixMilli()) / 1000)
	m.watermark.WithLabelValues(names(item)...).Set(float64(latest.Watermark.Time().UnixMilli()) / 1000)
	m.rows.WithLabelValues(names(item)...).Set(float64(latest.Rows))
}

// clear deletes the series of the owner.
func (m *exportMetrics) clear(item export.Scheduled) {
	for _, gauge := range []*prometheus.GaugeVec{m.last, m.watermark, m.interval, m.rows} {
		gauge.DeleteLabelValues(names(item)...)
	}
}

// finished counts a finished export. made is nil unless it is complete.
func (m *exportMetrics) finished(item export.Scheduled, outcome string, took time.Duration, made *export.Manifest) {
	m.exports.WithLabelValues(append(names(item), outcome)...).Inc()
	if made != nil {
		m.written.WithLabelValues(names(item)...).Add(float64(made.Rows))
		m.bytes.WithLabelValues(names(item)...).Add(float64(made.Bytes))
		m.duration.WithLabelValues(names(item)...).Observe(took.Seconds())
	}
}
