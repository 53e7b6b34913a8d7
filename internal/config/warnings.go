package config

import (
	"slices"

	"github.com/pianola/pianola/consumer"
)

// Warnings are settings that work and that one should have chosen with open eyes.
// They are no mistakes: inside a closed network, or a mesh that encrypts, they
// may be right.
func (c Config) Warnings() []Problem {
	var p problems
	away := func(addresses []string) bool {
		return slices.ContainsFunc(addresses, func(a string) bool { return !loopback(a) })
	}
	if c.Kafka.SASL.Mechanism == string(consumer.Plain) && !c.Kafka.TLS.Enabled && away(c.Kafka.Brokers) {
		p.add("kafka.sasl.mechanism", "plain without TLS shows the password to the network; set kafka.tls.enabled, or use scram-sha-512")
	}
	if c.ClickHouse.Password != "" && !c.ClickHouse.TLS.Enabled && away(c.ClickHouse.Addr) {
		p.add("clickhouse.tls.enabled", "without TLS the password and all rows are readable on the network")
	}
	if !loopback(c.HTTP.Listen) {
		p.add("http.listen", "is open to the network and has no login; metrics name topics and partitions")
	}
	return p.list
}

// Off is what this configuration leaves out, with the reason: neither a mistake
// nor a warning, and yet something that one may wonder about.
func (c Config) Off() []Problem {
	var p problems
	switch {
	case c.Piano.APIToken == "":
		p.add("reconcile.interval", "reconciling with Piano's API is off: piano.api_token is not set (nor piano.api_token_file)")
	case c.Reconcile.Interval == 0:
		p.add("reconcile.interval", "pianola run does not reconcile by itself: it is 0")
	}
	return p.list
}

// Off is the same of settings that need not be valid.
func (l *Loaded) Off() []Problem { return l.config.Off() }

// Reconciles says whether pianola run reconciles by itself.
func (c Config) Reconciles() bool { return c.Piano.APIToken != "" && c.Reconcile.Interval > 0 }
