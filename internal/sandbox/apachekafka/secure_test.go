package apachekafka_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
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
)

const secret = "aPasswordOfATest"

// TestSecure logs in with every mechanism, and changes the certificate of the running
// broker.
func TestSecure(t *testing.T) {
	if testing.Short() {
		t.Skip("not in the fast tier: starts Apache Kafka")
	}
	if err := apachekafka.Available(); err != nil {
		if os.Getenv("PIANOLA_TEST_NO_SKIP") != "" { // in CI a missing tool is a failure
			t.Fatal(err)
		}
		t.Skipf("this test runs Apache Kafka: %v", err)
	}
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
		Scram: []apachekafka.ScramUser{
			{Mechanism: "SCRAM-SHA-256", Name: "reader", Password: secret},
			{Mechanism: "SCRAM-SHA-512", Name: "reader", Password: secret, Salt: "YS1zYWx0LW9mLWEtdGVzdA=="},
		},
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
	for name, login := range logins(secret) {
		if err := ask(known, login); err != nil {
			t.Errorf("%s: %v", name, err)
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

	admin := kadm.NewClient(newClient(t, kgo.SeedBrokers(b.Brokers()...)))
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
