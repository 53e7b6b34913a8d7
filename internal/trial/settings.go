package trial

import (
	"os"
	"strings"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox/world"
)

// settings are what the audit goes by. The group and the database are named like
// the topic.
func settings(s *Stage, w *world.World, name string) config.Config {
	cfg := config.Defaults()
	cfg.Kafka.Brokers, cfg.Kafka.Topics, cfg.Kafka.Group = []string{s.broker.addr}, []string{name}, name
	cfg.ClickHouse.Addr, cfg.ClickHouse.Database = []string{s.clickhouse.NativeAddr()}, name
	cfg.Transform.InternalUserIDs = w.InternalUserIDs()
	cfg.Transform.InternalEmailDomains = w.InternalEmailDomains()
	return cfg
}

// environment is the same as an operator would give it to a process. Small batches
// make many moments to be hit in; short sessions and bounds make quick heirs, and
// let faults last longer than what they hit is allowed to.
func (r *round) environment(instance string) []string {
	var all []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PIANOLA_") {
			all = append(all, variable)
		}
	}
	clickHouse := r.stage.clickhouse.NativeAddr()
	if r.line != nil {
		clickHouse = r.line.addr()
	}
	return append(all,
		"PIANOLA_KAFKA_BROKERS="+strings.Join(r.cfg.Kafka.Brokers, ","),
		"PIANOLA_KAFKA_TOPICS="+r.topic,
		"PIANOLA_KAFKA_GROUP="+r.cfg.Kafka.Group,
		"PIANOLA_KAFKA_SESSION_TIMEOUT=1s",
		"PIANOLA_KAFKA_HEARTBEAT_INTERVAL=250ms",
		"PIANOLA_KAFKA_REBALANCE_TIMEOUT=10s",
		"PIANOLA_KAFKA_REQUEST_TIMEOUT=2s",
		"PIANOLA_KAFKA_DIAL_TIMEOUT=1s",
		"PIANOLA_CLICKHOUSE_ADDR="+clickHouse,
		"PIANOLA_CLICKHOUSE_DATABASE="+r.cfg.ClickHouse.Database,
		"PIANOLA_CLICKHOUSE_INSERT_TIMEOUT=1s",
		"PIANOLA_CLICKHOUSE_DIAL_TIMEOUT=1s",
		"PIANOLA_CLICKHOUSE_RETRY_INITIAL=20ms",
		"PIANOLA_CLICKHOUSE_RETRY_MAX=200ms",
		"PIANOLA_TRANSFORM_INTERNAL_USER_IDS="+strings.Join(r.cfg.Transform.InternalUserIDs, ","),
		"PIANOLA_TRANSFORM_INTERNAL_EMAIL_DOMAINS="+strings.Join(r.cfg.Transform.InternalEmailDomains, ","),
		"PIANOLA_CONSUMER_INSTANCE="+instance,
		"PIANOLA_BATCH_MAX_ROWS=200",
		"PIANOLA_BATCH_MAX_WAIT=5ms",
		"PIANOLA_HTTP_LISTEN=127.0.0.1:0",
	)
}
