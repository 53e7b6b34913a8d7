package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/pianola/pianola/consumer"
)

// Warnings are valid settings that need a conscious decision: those that may be right in a
// closed network or in a mesh that encrypts, and those that look like several in one.
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
	c.Transform.warnOfJoined(&p)
	if !loopback(c.HTTP.Listen) {
		p.add("http.listen", "is reachable from the network and has no login; metrics contain topic names")
	}
	return p.list
}

// warnOfJoined warns of entries that look like several in one. They match nothing, without
// any message. It does not repeat an entry, which may be an address.
func (t Transform) warnOfJoined(p *problems) {
	const separators = ",;|"
	for i, id := range t.InternalUserIDs {
		if strings.ContainsAny(strings.TrimSpace(id), separators+" \t") {
			p.add("transform.internal_user_ids", "entry %d is one id with a comma, semicolon, bar or space in it, and filters only a user of exactly this id; write a YAML list, or a,b in flags and environment", i+1)
		}
	}
	for _, names := range []struct {
		key   string
		given map[string]string
	}{{"transform.field_aliases", t.FieldAliases}, {"transform.action_synonyms", t.ActionSynonyms}} {
		for i, name := range slices.Sorted(maps.Keys(names.given)) {
			if strings.ContainsAny(name, separators) {
				p.add(names.key, "entry %d of %d, in alphabetical order, is one name with a comma, semicolon or bar in it; write one entry for each name", i+1, len(names.given))
			}
		}
	}
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
