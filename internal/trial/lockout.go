package trial

import (
	"context"
	"strings"
)

// lockout is something wrong with TLS or a login that keeps a process out.
type lockout struct {
	name  string
	world string // kafka or clickhouse: which of the servers it is about
	// settings are what is wrong with the process, above the good ones.
	settings func(*secured, *round) map[string]string
	// wrong and right are what is wrong with the server, and its cure.
	wrong, right func(context.Context, *secured, *round) error
	// underway puts it in while a process works, and cuts its connections, since
	// those that stand are not asked again.
	underway bool
	// outcome is what the process has to do.
	outcome outcome
	// says are key paths that one line of its log has to name.
	says []string
	// fits says whether it can be made in a round; nil: in all.
	fits func(*round) bool
}

// outcome is what a process does about a lockout. Where waiting may help it waits,
// saying so again and again; where only an operator can help it ends, with a status
// that is not 0.
type outcome string

// The outcomes. Some look like an outage to the one and like a refusal to
// the other side of the same protocol; what matters is that nothing is read,
// committed or kept quiet.
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
			lockout{name: "wrong CA", world: world, outcome: stops, says: []string{tlsKey}, settings: fixed(tlsKey+".ca_file", "stranger-ca.pem")},
			lockout{name: "own certificate of another authority", world: world, outcome: either, says: []string{tlsKey},
				fits: func(r *round) bool {
					_, mutual := r.combination()
					return mutual && (world == "clickhouse" || r.stage.kind == Embedded)
				},
				settings: func(x *secured, _ *round) map[string]string {
					return map[string]string{tlsKey + ".cert_file": x.file("stranger.pem"), tlsKey + ".key_file": x.file("stranger-key.pem")}
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
		lockout{name: "unknown user", world: "kafka", outcome: stops, says: []string{"kafka.sasl"}, settings: text1("kafka.sasl.user", "nobody")},
		lockout{name: "wrong mechanism", world: "kafka", outcome: stops, says: []string{"kafka.sasl"}, settings: func(*secured, *round) map[string]string {
			return map[string]string{"kafka.sasl.mechanism": "scram-sha-512", "kafka.sasl.user": narrow}
		}},
		lockout{name: "password changed", world: "kafka", outcome: waits, says: []string{"kafka.sasl"}, underway: true,
			fits: func(r *round) bool { mechanism, _ := r.combination(); return mechanism != "plain" },
			wrong: func(ctx context.Context, x *secured, _ *round) error {
				return x.kafka.setPassword(ctx, x.otherPassword)
			},
			right: func(ctx context.Context, x *secured, _ *round) error { return x.kafka.setPassword(ctx, x.password) }},
		lockout{name: "wrong password", world: "clickhouse", outcome: stops, says: []string{"clickhouse.user", "clickhouse.password"}, settings: wrongPassword("clickhouse")},
		lockout{name: "unknown user", world: "clickhouse", outcome: stops, says: []string{"clickhouse.user"}, settings: text1("clickhouse.user", "nobody")},
		lockout{name: "password changed", world: "clickhouse", outcome: stops, says: []string{"clickhouse.user", "clickhouse.password"}, underway: true,
			wrong: func(_ context.Context, x *secured, r *round) error { x.letIn(r, x.otherPassword); return nil },
			right: func(_ context.Context, x *secured, r *round) error { x.letIn(r, x.password); return nil }},
	)
}

// shows is a server that shows a bad certificate. A consumer at work waits for its
// brokers, whatever keeps them away; nothing makes it wait for a ClickHouse that it
// cannot trust.
func shows(world, name string, underway bool) lockout {
	m := lockout{name: "certificate " + name, world: world, outcome: stops, says: []string{world + ".tls"}, underway: underway,
		wrong: func(ctx context.Context, x *secured, _ *round) error { return x.show(ctx, world, name) },
		right: func(ctx context.Context, x *secured, _ *round) error { return x.show(ctx, world, good) }}
	if underway && world == "kafka" {
		m.outcome = waits
	}
	return m
}

func (x *secured) show(ctx context.Context, world, name string) error {
	if world == "kafka" {
		return x.kafka.show(ctx, name)
	}
	c := x.certificates[name].TLS
	x.shown.Store(&c)
	return nil
}

// fixed sets one key to a file of the secured servers.
func fixed(key, file string) func(*secured, *round) map[string]string {
	return func(x *secured, _ *round) map[string]string { return map[string]string{key: x.file(file)} }
}

func text1(key, value string) func(*secured, *round) map[string]string {
	return func(*secured, *round) map[string]string { return map[string]string{key: value} }
}

// wrongPassword gives another one, in place of the file or the text.
func wrongPassword(section string) func(*secured, *round) map[string]string {
	return func(x *secured, _ *round) map[string]string {
		return map[string]string{section + ".password": x.otherPassword, section + ".password_file": ""}
	}
}

// plainText takes everything about TLS away.
func plainText(world string) func(*secured, *round) map[string]string {
	return func(x *secured, r *round) map[string]string {
		none := map[string]string{}
		for key := range x.settings(r) {
			if strings.HasPrefix(key, world+".tls.") {
				none[key] = ""
			}
		}
		none[world+".tls.enabled"] = "false"
		return none
	}
}

// plainPort sends a process that speaks TLS to servers of the stage that do not.
func plainPort(world string) func(*secured, *round) map[string]string {
	return func(x *secured, r *round) map[string]string {
		lent := r.stage.lent
		if world == "kafka" {
			return map[string]string{"kafka.brokers": lent.broker.addr}
		}
		addr := lent.clickhouse.NativeAddr()
		if r.protocol == "http" {
			addr = lent.clickhouse.HTTPAddr()
		}
		return map[string]string{"clickhouse.addr": addr}
	}
}
