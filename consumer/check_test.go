package consumer_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/sandbox/authority"
	"github.com/pianola/pianola/internal/sandbox/testbed"
)

// certificate is a new one for 127.0.0.1, and the pool that trusts it.
func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	ca, err := authority.New("example authority")
	if err != nil {
		t.Fatal(err)
	}
	issued, err := ca.Issue(authority.Server())
	if err != nil {
		t.Fatal(err)
	}
	return issued.TLS, ca.Pool()
}

// always is a configuration that does not change.
func always(config *tls.Config) func() *tls.Config { return func() *tls.Config { return config } }

const secret = "a-very-secret-password"

func TestConsumer_Check(t *testing.T) {
	plain := newCluster(t, kfake.SeedTopics(1, "events"))
	cert, pool := certificate(t)
	encrypted := newCluster(t, kfake.SeedTopics(1, "events"), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
	guarded := newCluster(t, kfake.SeedTopics(1, "events"), kfake.EnableSASL(),
		kfake.Superuser("PLAIN", "reader", secret), kfake.Superuser("SCRAM-SHA-256", "reader", secret), kfake.Superuser("SCRAM-SHA-512", "reader", secret))
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	_ = closed.Close()

	for _, test := range []struct {
		name    string
		brokers []string
		change  func(*consumer.Config)
		want    error
		says    string
	}{
		{"is_content_with_a_broker_that_has_all_topics", plain.ListenAddrs(), nil, nil, ""},
		{"finds_a_broker_behind_one_that_is_away", append([]string{nobody}, plain.ListenAddrs()...), nil, nil, ""},
		{"names_missing_topics", plain.ListenAddrs(), func(c *consumer.Config) { c.Topics = []string{"events", "elsewhere"} }, consumer.ErrTopicMissing, "elsewhere"},
		{"nobody_there", []string{nobody}, nil, consumer.ErrUnreachable, "kafka.brokers"},
		{"tls", encrypted.ListenAddrs(), func(c *consumer.Config) { c.TLS = always(&tls.Config{RootCAs: pool}) }, nil, ""},
		{"tls_with_an_unknown_authority", encrypted.ListenAddrs(), func(c *consumer.Config) { c.TLS = always(&tls.Config{}) }, consumer.ErrTLS, "kafka.tls"},
		{"tls_with_another_name", encrypted.ListenAddrs(), func(c *consumer.Config) {
			c.TLS = always(&tls.Config{RootCAs: pool, ServerName: "other.example.com"})
		}, consumer.ErrTLS, "kafka.tls"},
		{"plain_text_to_tls", encrypted.ListenAddrs(), nil, consumer.ErrUnreachable, "kafka.tls"},
		{"tls_to_a_listener_that_says_nothing", []string{testbed.Mute(t)}, func(c *consumer.Config) {
			c.TLS = always(&tls.Config{RootCAs: pool})
			c.DialTimeout, c.RequestTimeout = 100*time.Millisecond, 100*time.Millisecond
		}, consumer.ErrUnreachable, "kafka.tls"},
		{"plain", guarded.ListenAddrs(), login(consumer.Plain, secret), nil, ""},
		{"plain_refused", guarded.ListenAddrs(), login(consumer.Plain, secret+"-not"), consumer.ErrLogin, "kafka.sasl"},
		{"scram_256", guarded.ListenAddrs(), login(consumer.ScramSHA256, secret), nil, ""},
		{"scram_256_refused", guarded.ListenAddrs(), login(consumer.ScramSHA256, secret+"-not"), consumer.ErrLogin, "kafka.sasl"},
		{"scram_512", guarded.ListenAddrs(), login(consumer.ScramSHA512, secret), nil, ""},
		{"scram_512_refused", guarded.ListenAddrs(), login(consumer.ScramSHA512, secret+"-not"), consumer.ErrLogin, "kafka.sasl"},
		{"no_login_where_one_is_wanted", guarded.ListenAddrs(), nil, consumer.ErrUnreachable, "login"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := settings(test.brokers, "events")
			cfg.DialTimeout = 2 * time.Second
			if test.change != nil {
				test.change(&cfg)
			}
			err := newConsumer(t, cfg, consumer.Hooks{}).Check(testContext(t))
			if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if err == nil {
				return
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("%q does not say %q", err, test.says)
			}
			if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q has what it must not", err)
			}
		})
	}
}

func login(mechanism consumer.Mechanism, password string) func(*consumer.Config) {
	return func(c *consumer.Config) {
		c.SASL = consumer.SASL{Mechanism: mechanism, User: "reader", Password: password}
	}
}

func TestConsumer_Check_not_authorized(t *testing.T) {
	cluster := newCluster(t, kfake.SeedTopics(1, "events"), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.User("PLAIN", "reader", secret, kfake.ACL{
			Resource: kmsg.ACLResourceTypeTopic, Name: "another", Pattern: kmsg.ACLResourcePatternTypeLiteral,
			Operation: kmsg.ACLOperationRead, Allow: true,
		}))
	cfg := settings(cluster.ListenAddrs(), "events")
	login(consumer.Plain, secret)(&cfg)
	err := newConsumer(t, cfg, consumer.Hooks{}).Check(testContext(t))
	if !errors.Is(err, consumer.ErrNotAuthorized) || !strings.Contains(err.Error(), "events") {
		t.Fatalf("got %v", err)
	}
}

// TestConsumer_secure reads and commits through everything that is encrypted
// and logged in: the group has connections of its own.
func TestConsumer_secure(t *testing.T) {
	cert, pool := certificate(t)
	cluster := newCluster(t, kfake.SeedTopics(1, "events"), kfake.EnableSASL(),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}),
		kfake.Superuser("SCRAM-SHA-512", "reader", secret), kfake.Superuser("PLAIN", "writer", secret))
	p := newProducer(t, cluster.ListenAddrs(), kgo.DialTLSConfig(&tls.Config{RootCAs: pool}), kgo.SASL(plainLogin("writer", secret)))
	produce(t, p, "events", 0, numbered("event", 5)...)

	cfg := settings(cluster.ListenAddrs(), "events")
	cfg.TLS = always(&tls.Config{RootCAs: pool})
	login(consumer.ScramSHA512, secret)(&cfg)
	m := startMember(t, cfg, consumer.Hooks{})
	h := m.generation(1)
	r := newConsumer(t, cfg, consumer.Hooks{}).NewReader("events", 0, h.Assignments[0].LogStart)
	defer r.Close()
	if all := readUntil(t, r, 5); len(all) != 5 {
		t.Fatalf("got %d records, want 5", len(all))
	}
	if err := h.Commit(testContext(t), positions(h, 5)); err != nil {
		t.Fatal(err)
	}
}

// TestConsumer_RenewedAuthority replaces the server's certificate and the trusted authority
// while a consumer is connected. Its next connections need no restart.
func TestConsumer_RenewedAuthority(t *testing.T) {
	type side struct {
		certificate tls.Certificate
		pool        *x509.CertPool
	}
	var current atomic.Pointer[side]
	renew := func() {
		certificate, pool := certificate(t)
		current.Store(&side{certificate, pool})
	}
	renew()
	cluster := newCluster(t, kfake.SeedTopics(1, "events"), kfake.TLS(&tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &current.Load().certificate, nil },
	}))
	cfg := settings(cluster.ListenAddrs(), "events")
	cfg.TLS = func() *tls.Config { return &tls.Config{RootCAs: current.Load().pool} }
	c := newConsumer(t, cfg, consumer.Hooks{})
	if err := c.Check(testContext(t)); err != nil {
		t.Fatal(err)
	}
	renew()
	c.CloseIdleConnections()
	if err := c.Check(testContext(t)); err != nil {
		t.Errorf("after the renewal: %v", err)
	}
	renew()
	ctx, stop := context.WithCancel(testContext(t))
	defer stop()
	started := false
	err := c.Run(ctx, func(context.Context, *consumer.Generation) error {
		started = true
		stop()
		return nil
	})
	if !started || err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("the group's own connection after the renewal: started %v, %v", started, err)
	}
}
