package trial

import (
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox/world"
)

// settings are what the audit goes by. The group and the database are named like
// the topic.
func (s *Stage) settings(w *world.World, name string) config.Config {
	cfg := config.Defaults()
	cfg.Kafka.Brokers, cfg.Kafka.Topics, cfg.Kafka.Group = []string{s.broker.addr}, []string{name}, name
	cfg.ClickHouse.Addr, cfg.ClickHouse.Database = []string{s.clickhouse.NativeAddr()}, name
	cfg.Transform.InternalUserIDs = w.InternalUserIDs()
	cfg.Transform.InternalEmailDomains = w.InternalEmailDomains()
	return cfg
}

// protocol is how the processes of a round speak to ClickHouse; the seed chooses,
// so that runs in a row try both.
func protocol(seed uint64) string {
	if seed%2 == 0 {
		return "http"
	}
	return "native"
}

// clickHouseAddr is the server's address for a round's protocol.
func (r *round) clickHouseAddr() string {
	switch {
	case r.stage.secured != nil && r.protocol == "http":
		return r.stage.secured.front.HTTPAddr()
	case r.stage.secured != nil:
		return r.stage.secured.front.NativeAddr()
	case r.server != nil && r.protocol == "http":
		return r.server.http
	case r.server != nil:
		return r.server.native
	case r.protocol == "http":
		return r.stage.clickhouse.HTTPAddr()
	}
	return r.stage.clickhouse.NativeAddr()
}

// environment is what an operator would give to a process: settings is its whole
// configuration, and no variable of Pianola's comes in from outside.
func (r *round) environment(instance string) []string {
	var all []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PIANOLA_") {
			all = append(all, variable)
		}
	}
	settings := r.processSettings(instance)
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		variable := "PIANOLA_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
		all = append(all, variable+"="+settings[key])
	}
	return all
}

// hurry is what the processes of most trials are told. Small batches make many
// moments to be hit in; short sessions and bounds make quick heirs, and let faults
// last longer than what they hit is allowed to.
func hurry() map[string]string {
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

// processSettings are by key path. A trial's own stand above all others.
func (r *round) processSettings(instance string) map[string]string {
	clickHouse := r.clickHouseAddr()
	if r.line != nil {
		clickHouse = r.line.Addr()
	}
	settings := map[string]string{
		"kafka.brokers":                    strings.Join(r.cfg.Kafka.Brokers, ","),
		"kafka.topics":                     r.topic,
		"kafka.group":                      r.cfg.Kafka.Group,
		"clickhouse.protocol":              r.protocol,
		"clickhouse.addr":                  clickHouse,
		"clickhouse.database":              r.cfg.ClickHouse.Database,
		"transform.internal_user_ids":      strings.Join(r.cfg.Transform.InternalUserIDs, ","),
		"transform.internal_email_domains": strings.Join(r.cfg.Transform.InternalEmailDomains, ","),
		"consumer.instance":                instance,
		"http.listen":                      "127.0.0.1:0",
	}
	if !r.plain {
		maps.Copy(settings, hurry())
	}
	if r.stage.secured != nil {
		maps.Copy(settings, r.stage.secured.settings(r))
	}
	maps.Copy(settings, r.settings)
	return settings
}
