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
