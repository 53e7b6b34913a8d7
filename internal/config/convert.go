package config

import (
	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/reconcile"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// ConsumerConfig is what the consumer is built with.
func (c Config) ConsumerConfig() consumer.Config {
	k := c.Kafka
	return consumer.Config{
		Brokers: k.Brokers, Topics: k.Topics, Group: k.Group, ClientID: k.ClientID,
		Isolation:        consumer.Isolation(k.Isolation),
		RebalanceTimeout: k.RebalanceTimeout, SessionTimeout: k.SessionTimeout, HeartbeatInterval: k.HeartbeatInterval,
		DrainTimeout: c.Shutdown.Timeout, MetadataInterval: k.MetadataInterval,
		FetchMaxBytes: int(k.FetchMaxBytes), FetchMinBytes: int(k.FetchMinBytes), FetchMaxWait: k.FetchMaxWait,
		DialTimeout: k.DialTimeout, RequestTimeout: k.RequestTimeout,
		TLS:  k.TLS.built,
		SASL: consumer.SASL{Mechanism: consumer.Mechanism(k.SASL.Mechanism), User: k.SASL.User, Password: k.SASL.Password.Reveal()},
	}
}

// SinkConfig is what the writer is built with.
func (c Config) SinkConfig() sink.Config {
	h := c.ClickHouse
	return sink.Config{
		Addr: h.Addr, Protocol: sink.Protocol(h.Protocol), Database: h.Database, User: h.User, Password: h.Password.Reveal(),
		TLS: h.TLS.built, Compression: sink.Compression(h.Compression), InsertTimeout: h.InsertTimeout, DialTimeout: h.DialTimeout,
		Retry: sink.Retry{Initial: h.Retry.Initial, Max: h.Retry.Max}, Instance: c.Consumer.Instance,
	}
}

// TransformConfig is what the stages are compiled from.
func (c Config) TransformConfig() transform.Config {
	t := c.Transform
	return transform.Config{
		MaxMessageBytes: int(t.MaxMessageBytes), FieldAliases: t.FieldAliases, SourceTimezone: t.SourceTimezone, MaxFuture: t.MaxFuture,
		InternalUserIDs: t.InternalUserIDs, InternalEmailDomains: t.InternalEmailDomains,
		UnknownAction: transform.UnknownAction(t.UnknownAction),
	}
}

// PipelineConfig is what the flow is built with. An insert that outlives its
// generation gets as long as any insert, which a check keeps well under the time
// that the group waits.
func (c Config) PipelineConfig() pipeline.Config {
	p := pipeline.Defaults()
	p.MaxRows, p.MaxBytes, p.MaxWait = c.Batch.MaxRows, int(c.Batch.MaxBytes), c.Batch.MaxWait
	p.OnDataLoss, p.Instance = pipeline.OnDataLoss(c.Consumer.OnDataLoss), c.Consumer.Instance
	p.Isolation, p.InsertGrace = consumer.Isolation(c.Kafka.Isolation), c.ClickHouse.InsertTimeout
	return p
}

// PianoConfig is what the client of Piano's API is built with.
func (c Config) PianoConfig() piano.Config {
	p := c.Piano
	return piano.Config{
		BaseURL: p.BaseURL, ReportsURL: p.ReportsURL, AID: p.AID, Token: p.APIToken.Reveal(),
		PageSize: p.PageSize, Rate: p.Rate, Timeout: p.Timeout,
		Retry: piano.Retry{Initial: p.Retry.Initial, Max: p.Retry.Max, Attempts: p.Retry.Attempts},
	}
}

// ReconcileConfig is what a reconciler is built with.
func (c Config) ReconcileConfig() reconcile.Config {
	r := c.Reconcile
	return reconcile.Config{Settle: r.Settle, Keep: r.Keep, DynamicCancel: r.DynamicCancel, StartedAtTolerance: r.StartedAtTolerance, Verify: r.Verify}
}

// ClickHouseOptions is how everything but the hot insert connects. No database is
// named, so that a connection does not need one to exist: statements qualify
// their tables.
func (c Config) ClickHouseOptions() *clickhouse.Options {
	h := c.ClickHouse
	options := &clickhouse.Options{
		Protocol: clickhouse.Native, Addr: h.Addr, TLS: h.TLS.built,
		Auth:        clickhouse.Auth{Username: h.User, Password: h.Password.Reveal()},
		DialTimeout: h.DialTimeout, ReadTimeout: h.InsertTimeout,
		ConnOpenStrategy: clickhouse.ConnOpenInOrder,
	}
	if h.Protocol == string(sink.HTTP) {
		options.Protocol = clickhouse.HTTP
		// An HTTP status is sent before the statement has run, unless asked.
		options.Settings = clickhouse.Settings{"wait_end_of_query": "1"}
	}
	return options
}
