package config

import (
	"slices"

	"github.com/pianola/pianola/consumer"
)

// Warnings are valid settings that need a conscious decision. They may be right in a
// closed network or in a mesh that encrypts.
func (c Config) Warnings() []Problem {
	var p problems
	remote := func(addresses []string) bool {
		return slices.ContainsFunc(addresses, func(a string) bool { return !loopback(a) })
	}
	if c.Kafka.SASL.Mechanism == string(consumer.Plain) && !c.Kafka.TLS.Enabled && remote(c.Kafka.Brokers) {
		p.add("kafka.sasl.mechanism", "plain without TLS sends the password unencrypted; set kafka.tls.enabled, or use scram-sha-512")
	}
	if c.ClickHouse.Password != "" && !c.ClickHouse.TLS.Enabled && remote(c.ClickHouse.Addr) {
		p.add("clickhouse.tls.enabled", "is false: the password and all rows are sent unencrypted")
	}
	if !loopback(c.HTTP.Listen) {
		p.add("http.listen", "is reachable from the network and has no login; metrics contain topic names")
	}
	return p.list
}

// Off lists the disabled features with the reason. They are neither mistakes nor
// warnings.
func (c Config) Off() []Problem {
	var p problems
	switch {
	case c.Piano.APIToken == "":
		p.add("reconcile.interval", "reconciliation is disabled, because neither piano.api_token nor piano.api_token_file is set")
	case c.Reconcile.Interval == 0:
		p.add("reconcile.interval", "is 0, so pianola run does not reconcile")
	}
	return p.list
}

// Off is the same for settings that may be invalid.
func (l *Loaded) Off() []Problem { return l.config.Off() }

// Reconciles reports whether pianola run reconciles on a schedule.
func (c Config) Reconciles() bool { return c.Piano.APIToken != "" && c.Reconcile.Interval > 0 }
