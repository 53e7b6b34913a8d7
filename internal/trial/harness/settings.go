package harness

import (
	"maps"
	"os"
	"strings"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox/world"
)

// config is what the audit uses. Group and database have the name of the topic.
func (e *Env) config(w *world.World, name string) config.Config {
	cfg := config.Defaults()
	cfg.Kafka.Brokers, cfg.Kafka.Topics, cfg.Kafka.Group = []string{e.Broker.Addr}, []string{name}, name
	cfg.ClickHouse.Addr, cfg.ClickHouse.Database, cfg.ClickHouse.User = []string{e.ClickHouse.NativeAddr()}, name, Owner
	cfg.Transform.InternalUserIDs = w.InternalUserIDs()
	cfg.Transform.InternalEmailDomains = w.InternalEmailDomains()
	return cfg
}

// protocol is the ClickHouse protocol of a round's processes. The seed chooses, so that
// consecutive rounds try both.
func protocol(seed uint64) string {
	if seed%2 == 0 {
		return "http"
	}
	return "native"
}

// clickHouseAddr is the server's address for the round's protocol.
func (r *Round) clickHouseAddr() string {
	switch {
	case r.Statements != nil:
		return AddrFor(r.Protocol, r.Statements)
	case r.ClickHouse != nil:
		return AddrFor(r.Protocol, r.ClickHouse)
	case r.Env.ClickHouseAddr != nil:
		return r.Env.ClickHouseAddr(r.Protocol)
	}
	return AddrFor(r.Protocol, r.Env.ClickHouse)
}

// AddrFor is the address of a ClickHouse server for a protocol.
func AddrFor(protocol string, server interface {
	NativeAddr() string
	HTTPAddr() string
}) string {
	if protocol == "http" {
		return server.HTTPAddr()
	}
	return server.NativeAddr()
}

// environment is the environment of a process. It is the whole configuration: variables
// of Pianola's from outside are left out.
func (r *Round) environment(instance string) []string {
	return config.Environment(os.Environ(), r.processSettings(instance))
}

// quickSettings are those of most trials. Small batches give many moments in which a
// fault can hit. Short sessions and bounds give quick successors, and make faults last
// longer than what they hit may take.
func quickSettings() map[string]string {
	return map[string]string{
		"kafka.session_timeout":     "1s",
		"kafka.heartbeat_interval":  "250ms",
		"kafka.rebalance_timeout":   "10s",
		"kafka.request_timeout":     "2s",
		"kafka.dial_timeout":        "1s",
		"clickhouse.insert_timeout": "1s",
		"clickhouse.dial_timeout":   "1s",
		"clickhouse.retry.initial":  "20ms",
		"clickhouse.retry.max":      "200ms",
		"batch.max_rows":            "200",
		"batch.max_wait":            "5ms",
	}
}

// processSettings are by key path. A trial's own override all others.
func (r *Round) processSettings(instance string) map[string]string {
	clickHouse := r.clickHouseAddr()
	if r.Proxy != nil {
		clickHouse = r.Proxy.Addr()
	}
	settings := map[string]string{
		"kafka.brokers":                    strings.Join(r.Config.Kafka.Brokers, ","),
		"kafka.topics":                     r.Topic,
		"kafka.group":                      r.Config.Kafka.Group,
		"clickhouse.protocol":              r.Protocol,
		"clickhouse.addr":                  clickHouse,
		"clickhouse.database":              r.Config.ClickHouse.Database,
		"clickhouse.user":                  Service,
		"transform.internal_user_ids":      strings.Join(r.Config.Transform.InternalUserIDs, ","),
		"transform.internal_email_domains": strings.Join(r.Config.Transform.InternalEmailDomains, ","),
		"consumer.instance":                instance,
		"http.listen":                      "127.0.0.1:0",
	}
	if !r.trial.Defaults {
		maps.Copy(settings, quickSettings())
	}
	if r.Env.ProcessSettings != nil {
		maps.Copy(settings, r.Env.ProcessSettings(r))
	}
	maps.Copy(settings, r.Settings)
	return settings
}

// ProcessConfig is the configuration of the round's processes. sections are those that
// are validated; none: all.
func (r *Round) ProcessConfig(instance string, sections ...string) (config.Config, error) {
	return config.Load(config.Source{Environment: r.environment(instance)}).Check(sections...)
}
