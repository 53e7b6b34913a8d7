package pipeline_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestFlow_OpenTransaction: what waits for an open transaction is in no lag. A gauge
// shows it, a warning names the place, and it is ingested when the transaction ends.
func TestFlow_OpenTransaction(t *testing.T) {
	tier.Full(t, "waits behind a transaction")
	s := newFixture(t, "native", 21, 1)
	s.produce(10)
	var ahead atomic.Int64 // of the clock
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	core, logs := observer.New(zap.InfoLevel)
	registry := prometheus.NewRegistry()
	flow, closeParts := buildFlow(s, s.Settings, registry, nil, now, zap.New(core))
	run := testbed.Go(s, func(ctx context.Context) error {
		defer closeParts()
		return flow.Run(ctx)
	})
	s.AwaitCommitted(run)
	warnings := func() int { return logs.FilterMessage(pipeline.LogOpenTransaction).Len() }
	waiting := func() float64 { return testbed.Metric(t, registry, "pianola_partition_open_transaction_messages") }

	producer, err := kgo.NewClient(kgo.SeedBrokers(services.Kafka.Addr()), kgo.TransactionalID(s.Topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	s.Must(err)
	defer producer.Close()
	s.Must(producer.BeginTransaction())
	open := services.Kafka.EndOffset(s.Topic, 0)
	s.Must(producer.ProduceSync(s.Context(), &kgo.Record{Topic: s.Topic, Value: []byte("{}")}).FirstErr())
	s.produce(30)
	behind := float64(services.Kafka.EndOffset(s.Topic, 0) - open)
	s.Eventually("the gauge shows what waits", func() bool { return waiting() == behind }, run)
	if lag := testbed.Metric(t, registry, "pianola_partition_lag_messages"); lag != 0 || warnings() != 0 {
		t.Errorf("lag %v, %d warnings at once", lag, warnings())
	}

	ahead.Add(int64(3 * time.Minute))
	s.Eventually("a warning", func() bool { return warnings() == 1 }, run)
	fields := logs.FilterMessage(pipeline.LogOpenTransaction).All()[0].ContextMap()
	if fields["topic"] != s.Topic || fields["partition"] != int32(0) || fields["offset"] != open || fields["waiting"] != int64(behind) {
		t.Errorf("fields %v", fields)
	}
	ahead.Add(int64(11 * time.Minute))
	s.Eventually("another warning", func() bool { return warnings() == 2 }, run)

	s.Must(producer.EndTransaction(s.Context(), kgo.TryCommit))
	s.AwaitCommitted(run)
	s.Eventually("the end is shown", func() bool { return waiting() == 0 && logs.FilterMessage("open transaction ended").Len() == 1 }, run)
	run.Drain()
	var rows, letters uint64
	s.One("SELECT (SELECT count() FROM subscription_events FINAL), (SELECT count() FROM dead_letters FINAL)", &rows, &letters)
	if rows != 30 || letters != 1 { // the first ten are among the thirty
		t.Errorf("%d rows and %d dead letters", rows, letters)
	}
}
