package pipeline

import (
	"math"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// Metrics are the metrics of a flow. Messages count when they are durable and
// committed, so a restart repeats none.
type Metrics struct {
	messages      *prometheus.CounterVec // outcome
	deadLetters   *prometheus.CounterVec // reason
	notes         *prometheus.CounterVec // kind
	lag           *prometheus.GaugeVec   // topic, partition
	unstable      *prometheus.GaugeVec   // topic, partition
	batchRows     prometheus.Histogram
	batchBytes    prometheus.Histogram
	insertSeconds *prometheus.HistogramVec // table
	retries       *prometheus.CounterVec   // class, code
	splits        prometheus.Counter
	latency       prometheus.Histogram
	rebalances    prometheus.Counter
	commitErrors  prometheus.Counter
	fetchErrors   *prometheus.CounterVec // kind
	groupErrors   *prometheus.CounterVec // kind
	fetchedBytes  prometheus.Counter
	lost          *prometheus.CounterVec // topic, partition, cause
	losses        *prometheus.CounterVec // topic, partition, cause
	resolved      prometheus.Counter
	viewFailures  *prometheus.CounterVec // view
	suppressed    prometheus.Counter
	suppressions  prometheus.Gauge

	newest atomic.Int64 // newest stored event in ms; 0 before the first
}

// NewMetrics registers the metrics. now is the clock for freshness.
func NewMetrics(registry prometheus.Registerer, now func() time.Time) *Metrics {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "pianola", Name: name, Help: help}
	}
	m := &Metrics{
		messages: prometheus.NewCounterVec(counter("messages_total",
			"Messages whose outcome is durable and committed, by outcome."), []string{"outcome"}),
		deadLetters: prometheus.NewCounterVec(counter("dead_letters_total",
			"Messages that became dead letters, by reason."), []string{"reason"}),
		notes: prometheus.NewCounterVec(counter("message_oddities_total",
			"Irregularities of messages that are accepted and counted, by kind."), []string{"kind"}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "pianola", Name: "partition_lag_messages",
			Help: "Offsets between the next one this group reads and the last one it may read; absent when the partition is not assigned."},
			[]string{"topic", "partition"}),
		unstable: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "pianola", Name: "partition_open_transaction_messages",
			Help: "Offsets from the last stable offset to the high watermark: they wait for an open transaction and are not in the lag; absent when the partition is not assigned."},
			[]string{"topic", "partition"}),
		batchRows: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "pianola", Name: "batch_rows",
			Help: "Event rows in a flush.", Buckets: prometheus.ExponentialBuckets(1, 4, 11)}),
		batchBytes: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "pianola", Name: "batch_bytes",
			Help: "Column bytes in a flush, uncompressed.", Buckets: prometheus.ExponentialBuckets(1024, 4, 10)}),
		insertSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "pianola", Name: "insert_duration_seconds",
			Help: "Time of one successful insert, by table.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 16)},
			[]string{"table"}),
		retries: prometheus.NewCounterVec(counter("insert_retries_total",
			"Inserts tried again, by error class and ClickHouse code (0: network)."), []string{"class", "code"}),
		splits: prometheus.NewCounter(counter("insert_splits_total",
			"Batches halved because the server had no memory or no time for them, or a proxy refused their size.")),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "pianola", Name: "end_to_end_latency_seconds",
			Help:    "Time from record to commit, for the oldest record of each partition in each flush.",
			Buckets: prometheus.ExponentialBuckets(0.05, 2, 20)}),
		rebalances: prometheus.NewCounter(counter("rebalances_total",
			"Consumer group generations that this process was a member of.")),
		commitErrors: prometheus.NewCounter(counter("commit_errors_total",
			"Offset commits that failed; the range is read again and its rows replace themselves.")),
		fetchErrors: prometheus.NewCounterVec(counter("fetch_errors_total",
			"Fetches that failed and were retried, by kind."), []string{"kind"}),
		groupErrors: prometheus.NewCounterVec(counter("group_errors_total",
			"Failures to join, keep or leave the group or to read its topics, by kind."), []string{"kind"}),
		fetchedBytes: prometheus.NewCounter(counter("fetched_bytes_total",
			"Bytes of records fetched from Kafka, as sent by the broker.")),
		lost: prometheus.NewCounterVec(counter("offsets_lost_total",
			"Offsets removed or skipped before they were read; the unread records of a recreated topic are unknown and count 0."),
			[]string{"topic", "partition", "cause"}),
		losses: prometheus.NewCounterVec(counter("data_losses_total",
			"Detected cases of messages removed or skipped before they were read."), []string{"topic", "partition", "cause"}),
		resolved: prometheus.NewCounter(counter("dead_letters_resolved_total",
			"Dead letters resolved because the message was read again and passed.")),
		viewFailures: prometheus.NewCounterVec(counter("view_failures_total",
			"Stored rows for which a materialized view on the table failed, by view."), []string{"view"}),
	}
	m.suppressed = prometheus.NewCounter(counter("suppressed_messages_total",
		"Messages of erased people; they count as filtered."))
	m.suppressions = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "pianola", Name: "suppression_list_entries",
		Help: "Entries of the suppression list that this process obeys."})
	freshness := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "pianola", Name: "event_freshness_seconds",
		Help: "Seconds since the newest stored event that is not in the future; NaN before the first."}, func() float64 {
		if newest := m.newest.Load(); newest != 0 {
			return now().Sub(time.UnixMilli(newest)).Seconds()
		}
		return math.NaN()
	})
	registry.MustRegister(m.messages, m.deadLetters, m.notes, m.lag, m.unstable, m.batchRows, m.batchBytes, m.insertSeconds,
		m.retries, m.splits, m.latency, m.rebalances, m.commitErrors, m.fetchErrors, m.groupErrors, m.fetchedBytes, m.lost, m.losses, m.resolved, m.viewFailures,
		m.suppressed, m.suppressions, freshness)

	// Series that alerts name exist from the start, with value 0.
	for _, outcome := range []string{"stored", "filtered", "dead_letter", "skipped"} {
		m.messages.WithLabelValues(outcome)
	}
	for _, reason := range schemas.Reasons() {
		m.deadLetters.WithLabelValues(string(reason))
	}
	return m
}

func (m *Metrics) setLag(topic string, partition int32, lag int64) {
	m.lag.WithLabelValues(topic, strconv.Itoa(int(partition))).Set(float64(max(lag, 0)))
}

func (m *Metrics) setUnstable(topic string, partition int32, offsets int64) {
	m.unstable.WithLabelValues(topic, strconv.Itoa(int(partition))).Set(float64(offsets))
}

// dropPartition removes the gauges of a partition that is not read any more.
func (m *Metrics) dropPartition(topic string, partition int32) {
	m.lag.DeleteLabelValues(topic, strconv.Itoa(int(partition)))
	m.unstable.DeleteLabelValues(topic, strconv.Itoa(int(partition)))
}

func (m *Metrics) addLost(loss *DataLossError) {
	labels := []string{loss.Topic, strconv.Itoa(int(loss.Partition)), string(loss.Cause)}
	m.lost.WithLabelValues(labels...).Add(float64(loss.offsets()))
	m.losses.WithLabelValues(labels...).Inc()
}

// ReadSuppressions records the size of the list of erased people.
func (m *Metrics) ReadSuppressions(entries int) { m.suppressions.Set(float64(entries)) }

func (m *Metrics) countNotes(n transform.Notes, rescaled uint32) {
	m.suppressed.Add(float64(n.Suppressed))
	for _, note := range []struct {
		kind  string
		count uint32
	}{
		{"unknown_field", n.UnknownFields},
		{"email_hash_disagreement", n.EmailHashDisagreements},
		{"empty_hash", n.EmptyHashes},
		{"address_in_hash_field", n.AddressesInHashField},
		{"ignored_email", n.IgnoredEmails},
		{"guarded_address", n.GuardedAddresses},
		{"unknown_action_kept", n.UnknownActions},
		{"unknown_action_dropped", n.DroppedActions},
		{"never_timestamp", n.NeverTimestamps},
		{"rescaled_record_timestamp", rescaled},
	} {
		if note.count > 0 {
			m.notes.WithLabelValues(note.kind).Add(float64(note.count))
		}
	}
}

// ConsumerHooks returns hooks that count events of the consumer.
func (m *Metrics) ConsumerHooks() consumer.Hooks {
	return consumer.Hooks{
		OnGenerationStart: func(int32, []consumer.Assignment) { m.rebalances.Inc() },
		OnGroupError:      func(kind consumer.ErrorKind) { m.groupErrors.WithLabelValues(string(kind)).Inc() },
		OnFetch:           func(_ string, _ int32, bytes int) { m.fetchedBytes.Add(float64(bytes)) },
		OnFetchError: func(_ string, _ int32, kind consumer.ErrorKind) {
			m.fetchErrors.WithLabelValues(string(kind)).Inc()
		},
	}
}

// SinkHooks returns hooks that count events of the sink; now is its clock.
func (m *Metrics) SinkHooks(now func() time.Time) sink.Hooks {
	return sink.Hooks{
		Now: now,
		OnInsert: func(table string, _, _ int, elapsed time.Duration) {
			m.insertSeconds.WithLabelValues(table).Observe(elapsed.Seconds())
		},
		OnRetry: func(class sink.Class, code int32) {
			m.retries.WithLabelValues(class.String(), strconv.Itoa(int(code))).Inc()
		},
		OnViewFailure: func(view string, rows int) { m.viewFailures.WithLabelValues(view).Add(float64(rows)) },
	}
}

// saw records the newest event of a durable batch.
func (m *Metrics) saw(newest schemas.Millis) {
	for {
		have := m.newest.Load()
		if int64(newest) <= have || m.newest.CompareAndSwap(have, int64(newest)) {
			return
		}
	}
}
