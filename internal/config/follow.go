package config

import (
	"net"
	"reflect"
	"slices"
	"time"
)

// dependent is a setting whose default follows other settings, so that a change of one
// setting does not require changes of others.
type dependent struct {
	key  string
	rule string // for the reference: how the default differs from the fixed one
	// follow changes the default. isSet reports whether a source has set a key. Values
	// that are not positive are mistakes, and no default follows them.
	follow func(c *Config, isSet func(key string) bool)
}

// dependents are in the order of evaluation: a default follows settings and the defaults
// before it. No default follows a setting downwards where a smaller value loses data:
// transform.max_message_bytes stays, and batch.max_bytes must not be below it.
func dependents() []dependent {
	return []dependent{
		{"kafka.session_timeout", "at least three times kafka.heartbeat_interval, at most half of kafka.rebalance_timeout",
			func(c *Config, isSet func(string) bool) {
				k := &c.Kafka
				if isSet("kafka.heartbeat_interval") {
					k.SessionTimeout = max(k.SessionTimeout, 3*k.HeartbeatInterval)
				}
				if isSet("kafka.rebalance_timeout") {
					k.SessionTimeout = atMost(k.SessionTimeout, k.RebalanceTimeout/2)
				}
			}},
		{"kafka.rebalance_timeout", "at least twice clickhouse.insert_timeout, and above kafka.session_timeout",
			func(c *Config, isSet func(string) bool) {
				k := &c.Kafka
				if isSet("clickhouse.insert_timeout") {
					k.RebalanceTimeout = max(k.RebalanceTimeout, 2*c.ClickHouse.InsertTimeout)
				}
				if k.SessionTimeout >= k.RebalanceTimeout {
					k.RebalanceTimeout = 2 * k.SessionTimeout
				}
			}},
		{"kafka.heartbeat_interval", "at most a third of kafka.session_timeout",
			func(c *Config, _ func(string) bool) {
				c.Kafka.HeartbeatInterval = atMost(c.Kafka.HeartbeatInterval, c.Kafka.SessionTimeout/3)
			}},
		{"clickhouse.insert_timeout", "at most half of kafka.rebalance_timeout",
			func(c *Config, _ func(string) bool) {
				c.ClickHouse.InsertTimeout = atMost(c.ClickHouse.InsertTimeout, c.Kafka.RebalanceTimeout/2)
			}},
		{"shutdown.timeout", "at least clickhouse.insert_timeout",
			func(c *Config, _ func(string) bool) {
				c.Shutdown.Timeout = max(c.Shutdown.Timeout, min(c.ClickHouse.InsertTimeout, maxShutdown))
			}},
		{"kafka.fetch_max_bytes", "at least kafka.fetch_min_bytes",
			func(c *Config, _ func(string) bool) {
				c.Kafka.FetchMaxBytes = max(c.Kafka.FetchMaxBytes, c.Kafka.FetchMinBytes)
			}},
		{"batch.max_bytes", "at least transform.max_message_bytes",
			func(c *Config, _ func(string) bool) {
				c.Batch.MaxBytes = max(c.Batch.MaxBytes, c.Transform.MaxMessageBytes)
			}},
		{"clickhouse.retry.initial", "at most clickhouse.retry.max",
			func(c *Config, _ func(string) bool) {
				c.ClickHouse.Retry.Initial = atMost(c.ClickHouse.Retry.Initial, c.ClickHouse.Retry.Max)
			}},
		{"clickhouse.retry.max", "at least clickhouse.retry.initial",
			func(c *Config, _ func(string) bool) {
				c.ClickHouse.Retry.Max = max(c.ClickHouse.Retry.Max, c.ClickHouse.Retry.Initial)
			}},
		{"export.clickhouse_addr", "clickhouse.addr with clickhouse.protocol http; otherwise its hosts with port 8123, or 8443 with clickhouse.tls.enabled",
			func(c *Config, _ func(string) bool) {
				c.Export.ClickHouseAddr = httpAddresses(c.ClickHouse)
			}},
		{"export.overlap", "at least clickhouse.insert_timeout",
			func(c *Config, _ func(string) bool) {
				c.Export.Overlap = max(c.Export.Overlap, c.ClickHouse.InsertTimeout)
			}},
		{"piano.retry.initial", "at most piano.retry.max",
			func(c *Config, _ func(string) bool) {
				c.Piano.Retry.Initial = atMost(c.Piano.Retry.Initial, c.Piano.Retry.Max)
			}},
		{"piano.retry.max", "at least piano.retry.initial",
			func(c *Config, _ func(string) bool) {
				c.Piano.Retry.Max = max(c.Piano.Retry.Max, c.Piano.Retry.Initial)
			}},
	}
}

// atMost limits a default by a setting. It ignores a limit that is not positive.
func atMost[T time.Duration | Size](value, limit T) T {
	if limit <= 0 {
		return value
	}
	return min(value, limit)
}

// followDefaults changes the dependent defaults of settings that no source has set.
func (l *Loaded) followDefaults() {
	isSet := func(key string) bool { return l.origins[key].kind != "" }
	for _, d := range dependents() {
		s := l.byKey[d.key]
		if isSet(d.key) {
			continue
		}
		before := s.in(&l.config)
		d.follow(&l.config, isSet)
		if !reflect.DeepEqual(s.in(&l.config), before) {
			l.followed[d.key] = d.rule
		}
	}
}

// followRule is how the default differs from the fixed one, or empty.
func (s setting) followRule() string {
	for _, d := range dependents() {
		if d.key == s.key {
			return d.rule
		}
	}
	return ""
}

// httpAddresses are the addresses of the HTTP interface, by ClickHouse's default ports where
// the configured ones are of the native protocol.
func httpAddresses(c ClickHouse) []string {
	good := slices.DeleteFunc(slices.Clone(c.Addr), func(address string) bool { return addressMistake(address) != "" }) // reported as clickhouse.addr
	if c.Protocol == "http" {
		return good
	}
	port := "8123"
	if c.TLS.Enabled {
		port = "8443"
	}
	for i, address := range good {
		host, _, _ := net.SplitHostPort(address)
		good[i] = net.JoinHostPort(host, port)
	}
	return good
}
