package login

import (
	"context"
	"strings"

	"github.com/pianola/pianola/internal/trial/harness"
)

// lockout is something wrong with TLS or a login, so that a process cannot connect.
type lockout struct {
	name  string
	world string // kafka or clickhouse: which of the servers it is about
	// settings are what is wrong with the process, above the good ones.
	settings func(*scenario) map[string]string
	// wrong and right change the server, and restore it.
	wrong, right func(context.Context, *scenario) error
	// underway: it is caused while a process works, whose connections are then cut, because
	// open connections are not checked again.
	underway bool
	// outcome is what the process has to do.
	outcome outcome
	// says are key paths that one line of its log has to contain.
	says []string
	// fits says whether it can be caused in a round; nil: in all.
	fits func(*harness.Round) bool
}

// outcome is what a process does in a lockout. It waits where that may help, and logs it
// repeatedly. It ends where only an operator can help, with a status that is not 0.
type outcome string

// The outcomes. Some lockouts look like an outage over one protocol and like a refusal over
// another. Either is right, as long as nothing is read or committed, and it is logged.
const (
	stops  outcome = "stops"
	waits  outcome = "waits"
	either outcome = "stops or waits"
)

// lockouts are all that are tried.
func lockouts() []lockout {
	var all []lockout
	for _, world := range []string{"kafka", "clickhouse"} {
		tlsKey := world + ".tls"
		all = append(all,
			lockout{name: "wrong CA", world: world, outcome: stops, says: []string{tlsKey}, settings: func(s *scenario) map[string]string {
				return map[string]string{tlsKey + ".ca_file": s.file("stranger-ca.pem")}
			}},
			lockout{name: "own certificate of another authority", world: world, outcome: either, says: []string{tlsKey},
				fits: func(r *harness.Round) bool {
					_, mutual := combination(r)
					return mutual && (world == "clickhouse" || r.Env.Kind == harness.Embedded)
				},
				settings: func(s *scenario) map[string]string {
					return map[string]string{tlsKey + ".cert_file": s.file("stranger.pem"), tlsKey + ".key_file": s.file("stranger-key.pem")}
				}},
			lockout{name: "plain text to a TLS port", world: world, outcome: either, says: []string{tlsKey}, settings: plainText(world)},
			lockout{name: "TLS to a plain port", world: world, outcome: either, says: []string{tlsKey}, settings: plainPort(world)},
		)
		for _, name := range []string{"expired", "not yet valid", "other name"} {
			all = append(all, shows(world, name, false))
		}
		all = append(all, shows(world, "expired", true))
	}
	return append(all,
		lockout{name: "wrong password", world: "kafka", outcome: stops, says: []string{"kafka.sasl"}, settings: wrongPassword("kafka.sasl")},
		lockout{name: "unknown user", world: "kafka", outcome: stops, says: []string{"kafka.sasl"}, settings: setting("kafka.sasl.user", "nobody")},
		lockout{name: "wrong mechanism", world: "kafka", outcome: stops, says: []string{"kafka.sasl"}, settings: func(*scenario) map[string]string {
			return map[string]string{"kafka.sasl.mechanism": "scram-sha-512", "kafka.sasl.user": narrow}
		}},
		lockout{name: "password changed", world: "kafka", outcome: waits, says: []string{"kafka.sasl"}, underway: true,
			fits: func(r *harness.Round) bool { mechanism, _ := combination(r); return mechanism != "plain" },
			wrong: func(ctx context.Context, s *scenario) error {
				return s.kafka.setPassword(ctx, s.otherPassword)
			},
			right: func(ctx context.Context, s *scenario) error { return s.kafka.setPassword(ctx, s.password) }},
		lockout{name: "wrong password", world: "clickhouse", outcome: stops, says: []string{"clickhouse.user", "clickhouse.password"}, settings: wrongPassword("clickhouse")},
		lockout{name: "unknown user", world: "clickhouse", outcome: stops, says: []string{"clickhouse.user"}, settings: setting("clickhouse.user", "nobody")},
		lockout{name: "password changed", world: "clickhouse", outcome: stops, says: []string{"clickhouse.user", "clickhouse.password"}, underway: true,
			wrong: func(ctx context.Context, s *scenario) error { return s.admit(ctx, s.Round, s.otherPassword) },
			right: func(ctx context.Context, s *scenario) error { return s.admit(ctx, s.Round, s.password) }},
	)
}

// shows is a server with a bad certificate. A working consumer waits for its brokers in any
// case. It does not wait for a ClickHouse that it cannot trust.
func shows(world, name string, underway bool) lockout {
	m := lockout{name: "certificate " + name, world: world, outcome: stops, says: []string{world + ".tls"}, underway: underway,
		wrong: func(ctx context.Context, s *scenario) error { return s.show(ctx, world, name) },
		right: func(ctx context.Context, s *scenario) error { return s.show(ctx, world, good) }}
	if underway && world == "kafka" {
		m.outcome = waits
	}
	return m
}

func (x *servers) show(ctx context.Context, world, name string) error {
	if world == "kafka" {
		return x.kafka.show(ctx, name)
	}
	c := x.certificates[name].TLS
	x.shown.Store(&c)
	return nil
}

func setting(key, value string) func(*scenario) map[string]string {
	return func(*scenario) map[string]string { return map[string]string{key: value} }
}

// wrongPassword replaces the password, or the file with it.
func wrongPassword(section string) func(*scenario) map[string]string {
	return func(s *scenario) map[string]string {
		return map[string]string{section + ".password": s.otherPassword, section + ".password_file": ""}
	}
}

// plainText removes all TLS settings.
func plainText(world string) func(*scenario) map[string]string {
	return func(s *scenario) map[string]string {
		none := map[string]string{}
		for key := range s.settings(s.Round) {
			if strings.HasPrefix(key, world+".tls.") {
				none[key] = ""
			}
		}
		none[world+".tls.enabled"] = "false"
		return none
	}
}

// plainPort connects a process with TLS to servers without.
func plainPort(world string) func(*scenario) map[string]string {
	return func(s *scenario) map[string]string {
		if world == "kafka" {
			return map[string]string{"kafka.brokers": s.plain.Broker.Addr}
		}
		return map[string]string{"clickhouse.addr": harness.AddrFor(s.Protocol, s.plain.ClickHouse)}
	}
}
