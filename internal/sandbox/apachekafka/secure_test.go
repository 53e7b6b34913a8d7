package apachekafka_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/pianola/pianola/internal/sandbox/apachekafka"
	"github.com/pianola/pianola/internal/sandbox/authority"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/internal/wait"
)

const secret = "aPasswordOfATest"

// TestSecure logs in with every mechanism, and changes the certificate of the running
// broker.
func TestSecure(t *testing.T) {
	tier.Full(t, "starts Apache Kafka")
	tier.Needs(t, apachekafka.Available())
	ca, err := authority.New("example authority")
	if err != nil {
		t.Fatal(err)
	}
	issue := func(terms authority.Template) authority.Certificate {
		c, err := ca.Issue(terms)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	good, expired := issue(authority.Server()), issue(authority.Expired())
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // the first start downloads the broker
	defer cancel()
	b, err := apachekafka.Start(ctx, apachekafka.Config{DataDir: t.TempDir(), Secure: &apachekafka.Secure{
		Certificate: good.Chain, Key: good.Key, ClientCAs: ca.PEM(),
		Plain: map[string]string{"reader": secret},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	})

	ask := func(c *tls.Config, login sasl.Mechanism) error {
		client := newClient(t, kgo.SeedBrokers(b.SecureAddr()), kgo.DialTLSConfig(c), kgo.SASL(login), kgo.RetryTimeout(time.Second))
		_, err := kadm.NewClient(client).ListTopics(ctx)
		return err
	}
	known := ca.Client(issue(authority.Client("reader")))
	admin := kadm.NewClient(newClient(t, kgo.SeedBrokers(b.Brokers()...)))
	for _, mechanism := range []kadm.ScramMechanism{kadm.ScramSha256, kadm.ScramSha512} {
		user := kadm.UpsertSCRAM{User: "reader", Mechanism: mechanism, Iterations: 4096, Password: secret}
		if answer, err := admin.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{user}); err != nil || answer.Error() != nil {
			t.Fatal(err, answer.Error())
		}
	}
	for name, login := range logins(secret) { // a new user takes a moment
		if err := wait.Until(ctx, 20*time.Millisecond, func() (bool, error) { return ask(known, login) == nil, nil }); err != nil {
			t.Errorf("%s: %v, %v", name, err, ask(known, login))
		}
	}
	for name, login := range logins(secret + "Not") {
		if err := ask(known, login); !errors.Is(err, kerr.SaslAuthenticationFailed) {
			t.Errorf("%s with another password: %v", name, err)
		}
	}
	if err := ask(ca.Client(), logins(secret)["plain"]); err == nil {
		t.Error("a client without a certificate was let in")
	}

	if err := b.SetCertificate(ctx, admin, expired.Chain, expired.Key); err != nil {
		t.Fatal(err)
	}
	if err := ask(known, logins(secret)["plain"]); !errors.As(err, new(x509.CertificateInvalidError)) {
		t.Errorf("expired: %v", err)
	}
	if err := b.SetCertificate(ctx, admin, good.Chain, good.Key); err != nil {
		t.Fatal(err)
	}
	if err := ask(known, logins(secret)["plain"]); err != nil {
		t.Errorf("put right: %v", err)
	}
}

func newClient(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func logins(password string) map[string]sasl.Mechanism {
	by := scram.Auth{User: "reader", Pass: password}
	return map[string]sasl.Mechanism{
		"plain":         plain.Auth{User: "reader", Pass: password}.AsMechanism(),
		"scram-sha-256": by.AsSha256Mechanism(),
		"scram-sha-512": by.AsSha512Mechanism(),
	}
}
