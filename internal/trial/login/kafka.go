package login

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"errors"
	"fmt"
	"hash"
	"net"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/pianola/pianola/internal/sandbox/apachekafka"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/loopback"
	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/internal/wait"
)

// securedKafka is a broker with TLS and logins. Processes connect to door, which is a
// proxy. The harness has an address or a login of its own, which no lockout affects.
type securedKafka struct {
	harness.Broker
	of    *servers
	door  string
	admin *kadm.Client
	shown *atomic.Pointer[tls.Certificate] // kfake's; nil for Apache's
}

func (x *servers) startKafka(ctx context.Context, kind harness.Kafka) (*securedKafka, error) {
	door, err := loopback.FreeAddr()
	if err != nil {
		return nil, err
	}
	k := &securedKafka{of: x, door: door}
	start := k.startEmbedded
	if kind == harness.Apache {
		start = k.startApache
	}
	behind, stop, err := start(ctx)
	if err != nil {
		return nil, err
	}
	return k, k.Front(door, behind, stop)
}

// startEmbedded starts kfake, which has one listener. The harness connects to it past the
// proxy, and accepts any certificate.
func (k *securedKafka) startEmbedded(context.Context) (behind string, stop func() error, err error) {
	x := k.of
	k.shown = &atomic.Pointer[tls.Certificate]{}
	current := x.certificates[good].TLS
	k.shown.Store(&current)
	observing := x.secrets.password()
	b, err := kafka.Start(kafka.Config{
		Addr: "127.0.0.1:0", Advertise: k.door, DataDir: filepath.Join(x.dir, "kafka"), TLS: x.tls(k.shown),
		Users: []kafka.User{{Mechanism: kafka.Plain, Name: reader, Password: x.password}, {Mechanism: kafka.Plain, Name: observer, Password: observing}},
	})
	if err != nil {
		return "", nil, err
	}
	k.Addr = k.door
	k.Access = []kgo.Opt{
		kgo.Dialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr == k.door {
				addr = b.ListenAddr() // past the proxy
			}
			return (&tls.Dialer{Config: x.observerTLS()}).DialContext(ctx, network, addr)
		}),
		kgo.SASL(plain.Auth{User: observer, Pass: observing}.AsMechanism()),
	}
	return b.ListenAddr(), func() error { b.Close(); return nil }, nil
}

// startApache starts a broker that has a plain listener too, for the harness.
func (k *securedKafka) startApache(ctx context.Context) (behind string, stop func() error, err error) {
	x := k.of
	first := x.certificates[good]
	b, err := apachekafka.Start(ctx, apachekafka.Config{
		DataDir:    x.dir,
		Properties: map[string]string{"log.retention.ms": "-1", "message.max.bytes": fmt.Sprint(kafka.MaxMessageBytes)},
		Secure: &apachekafka.Secure{
			Advertise: k.door, Certificate: first.Chain, Key: first.Key, ClientCAs: x.ca.PEM(), Optional: true,
			Plain: map[string]string{reader: x.password},
		},
	})
	if err != nil {
		return "", nil, err
	}
	k.Apache, k.Addr = b, b.Brokers()[0]
	k.Access = []kgo.Opt{} // the plain listener is not behind the proxy
	return b.SecureAddr(), b.Stop, nil
}

// show makes the broker present a certificate to new connections.
func (k *securedKafka) show(ctx context.Context, name string) error {
	c := k.of.certificates[name]
	if k.shown != nil {
		k.shown.Store(&c.TLS)
		return nil
	}
	return k.Apache.SetCertificate(ctx, k.admin, c.Chain, c.Key)
}

// setPassword sets the reader's password for SCRAM, and returns once it is in force. PLAIN
// keeps the password from the start.
func (k *securedKafka) setPassword(ctx context.Context, password string) error {
	by := scram.Auth{User: reader, Pass: password}
	for _, m := range []struct {
		mechanism kadm.ScramMechanism
		hash      func() hash.Hash
		size      int
		login     sasl.Mechanism
	}{
		{kadm.ScramSha256, sha256.New, sha256.Size, by.AsSha256Mechanism()},
		{kadm.ScramSha512, sha512.New, sha512.Size, by.AsSha512Mechanism()},
	} {
		salt := make([]byte, 24)
		_, _ = rand.Read(salt) // never fails
		const iterations = 4096
		salted, err := pbkdf2.Key(m.hash, password, salt, iterations, m.size)
		if err != nil {
			return fmt.Errorf("salt a password: %w", err)
		}
		k.of.secrets.bytes(salt)
		k.of.secrets.bytes(salted)
		users := []string{reader}
		if m.mechanism == kadm.ScramSha256 {
			users = append(users, narrow)
		}
		for _, user := range users {
			answer, err := k.admin.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{
				{User: user, Mechanism: m.mechanism, Iterations: iterations, Salt: salt, SaltedPassword: salted},
			})
			if err := errors.Join(err, answer.Error()); err != nil {
				return fmt.Errorf("set a password: %w", err)
			}
		}
		if err := k.awaitLogin(ctx, m.login); err != nil {
			return err
		}
	}
	return nil
}

// awaitLogin waits until a login is accepted: a new password takes a moment.
func (k *securedKafka) awaitLogin(ctx context.Context, login sasl.Mechanism) error {
	err := wait.Until(ctx, 20*time.Millisecond, func() (bool, error) {
		client, err := kgo.NewClient(kgo.SeedBrokers(k.door), kgo.SASL(login), kgo.DialTLSConfig(k.of.observerTLS()))
		if err != nil {
			return false, err
		}
		defer client.Close()
		return client.Ping(ctx) == nil, nil
	})
	if err != nil {
		return fmt.Errorf("wait for a password: %w", err)
	}
	return nil
}
