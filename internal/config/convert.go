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

// ConsumerConfig is the configuration of the consumer.
func (c Config) ConsumerConfig() consumer.Config {
	k := c.Kafka
	return consumer.Config{
		Brokers: k.Brokers, Topics: k.Topics, Group: k.Group, ClientID: k.ClientID,
		Isolation:        consumer.Isolation(k.Isolation),
		RebalanceTimeout: k.RebalanceTimeout, SessionTimeout: k.SessionTimeout, HeartbeatInterval: k.HeartbeatInterval,
		DrainTimeout: c.Shutdown.Timeout, MetadataInterval: k.MetadataInterval,
		FetchMaxBytes: int(k.FetchMaxBytes), FetchMinBytes: int(k.FetchMinBytes), FetchMaxWait: k.FetchMaxWait,
		DialTimeout: k.DialTimeout, RequestTimeout: k.RequestTimeout,
		TLS:  k.TLS.current,
		SASL: consumer.SASL{Mechanism: consumer.Mechanism(k.SASL.Mechanism), User: k.SASL.User, Password: k.SASL.Password.Reveal()},
	}
}

// SinkConfig is the configuration of the writer.
func (c Config) SinkConfig() sink.Config {
	h := c.ClickHouse
	return sink.Config{
		Addr: h.Addr, Protocol: sink.Protocol(h.Protocol), Database: h.Database, User: h.User, Password: h.Password.Reveal(),
		TLS: h.TLS.current, Compression: sink.Compression(h.Compression), InsertTimeout: h.InsertTimeout, DialTimeout: h.DialTimeout,
		Retry: sink.Retry{Initial: h.Retry.Initial, Max: h.Retry.Max}, Instance: c.Consumer.Instance,
	}
}

// TransformConfig is the configuration of the stages.
func (c Config) TransformConfig() transform.Config {
	t := c.Transform
	return transform.Config{
		MaxMessageBytes: int(t.MaxMessageBytes), FieldAliases: t.FieldAliases, SourceTimezone: t.SourceTimezone, MaxFuture: t.MaxFuture,
		InternalUserIDs: t.InternalUserIDs, InternalEmailDomains: t.InternalEmailDomains,
		UnknownAction: transform.UnknownAction(t.UnknownAction),
	}
}

// PipelineConfig is the configuration of the flow. An insert that outlives its
// generation gets a full insert timeout, which Check keeps below half of the rebalance
// timeout.
func (c Config) PipelineConfig() pipeline.Config {
	p := pipeline.Defaults()
	p.MaxRows, p.MaxBytes, p.MaxWait = c.Batch.MaxRows, int(c.Batch.MaxBytes), c.Batch.MaxWait
	p.OnDataLoss, p.Instance = pipeline.OnDataLoss(c.Consumer.OnDataLoss), c.Consumer.Instance
	p.Isolation, p.InsertGrace = consumer.Isolation(c.Kafka.Isolation), c.ClickHouse.InsertTimeout
	return p
}

// PianoConfig is the configuration of the Piano client.
func (c Config) PianoConfig() piano.Config {
	p := c.Piano
	return piano.Config{
		BaseURL: p.BaseURL, ReportsURL: p.ReportsURL, AID: p.AID, Token: p.APIToken.Reveal(),
		PageSize: p.PageSize, Rate: p.Rate, Timeout: p.Timeout,
		Retry: piano.Retry{Initial: p.Retry.Initial, Max: p.Retry.Max, Attempts: p.Retry.Attempts},
	}
}

// ReconcileConfig is the configuration of a reconciler.
func (c Config) ReconcileConfig() reconcile.Config {
	r := c.Reconcile
	return reconcile.Config{Settle: r.Settle, Keep: r.Keep, DynamicCancel: r.DynamicCancel, StartedAtTolerance: r.StartedAtTolerance, Verify: r.Verify}
}

// ClickHouseOptions are the connection options of everything except the inserts of the
// flow. They have no database, so that a connection works before the database exists.
// Statements qualify their tables.
func (c Config) ClickHouseOptions() *clickhouse.Options {
	options := sink.Options(c.SinkConfig())
	options.Auth.Database = ""
	return options
}
