package config

import (
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/export"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/promo/segment"
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
		UnknownAction: transform.UnknownAction(t.UnknownAction), ActionSynonyms: t.ActionSynonyms,
	}
}

// SuppressionKeys are the keys of the suppression list: the first one of new entries, then
// the earlier ones. The list is empty without a setting.
func (c Config) SuppressionKeys() []*transform.SuppressionKey {
	var keys []*transform.SuppressionKey
	for _, secret := range append(Secrets{c.Erasure.Key}, c.Erasure.OldKeys...) {
		if key, err := transform.NewSuppressionKey(secret.Reveal()); err == nil { // Check has refused short ones
			keys = append(keys, key)
		}
	}
	return keys
}

// ErasureBound is after what time every process obeys a new entry of the suppression list:
// it has looked at the list, an attempt to write has ended, and so has one that the
// process gave up and the server completes.
func (c Config) ErasureBound() time.Duration {
	return c.Erasure.Refresh + 2*c.ClickHouse.InsertTimeout
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
		BaseURL: p.BaseURL, ReportsURL: p.ReportsURL, AID: p.AID, Token: p.APIToken.Reveal(), ReadToken: rereader(p.APITokenFile),
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

// ExportConfig is the configuration of an exporter.
func (c Config) ExportConfig() export.Config { return export.Config{Overlap: c.Export.Overlap} }

// exportReadTimeout limits the wait for the first byte of a file. A view such as
// subscription_state is computed before it begins.
const exportReadTimeout = 30 * time.Minute

// ExportOptions are the connection options of exports. They differ from those of other
// statements in the address and the protocol, and in when an answer begins: not at the
// end of the query, because the server would keep the whole file until then. An error in
// the middle breaks the answer.
func (c Config) ExportOptions() *clickhouse.Options {
	over := c.SinkConfig()
	over.Protocol, over.Addr = sink.HTTP, c.Export.ClickHouseAddr
	options := sink.Options(over)
	options.Auth.Database = ""
	options.ReadTimeout = exportReadTimeout
	delete(options.Settings, "wait_end_of_query")
	return options
}

// ExportSchedule are the exports that are repeated. The configuration must be valid.
func (c Config) ExportSchedule() []export.Scheduled {
	var all []export.Scheduled
	for _, text := range c.Export.Schedule {
		if one, err := export.ParseScheduled(text, time.Now()); err == nil { // checked
			all = append(all, one)
		}
	}
	return all
}

// PromoSegments are the segments that pianola run materialises. The configuration must be
// valid.
func (c Config) PromoSegments() []segment.Reference {
	var all []segment.Reference
	for _, text := range c.Promo.Segments {
		if one, err := segment.Parse(text); err == nil { // checked
			all = append(all, one)
		}
	}
	return all
}

// ReadsConversions reports whether pianola run reads promotions and conversions.
func (c Config) ReadsConversions() bool { return c.Promo.Conversions && c.Piano.APIToken != "" }

// AnalyticsZone is the time zone of metrics. The settings must be valid.
func (c Config) AnalyticsZone() (*time.Location, error) {
	return transform.LoadZone(c.Analytics.Timezone)
}
