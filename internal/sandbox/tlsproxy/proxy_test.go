package tlsproxy_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/internal/sandbox/authority"
	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/internal/sandbox/tlsproxy"
)

var server engine.Engine

func TestMain(m *testing.M) { server.RunWithoutLeaks(m) }

// listen puts a proxy with a certificate of a new authority in front of addr.
func listen(t *testing.T, addr string, clientCertificate tls.ClientAuthType) (*tlsproxy.Proxy, *authority.Authority) {
	t.Helper()
	ca, err := authority.New("example authority")
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := ca.Issue(authority.Server())
	if err != nil {
		t.Fatal(err)
	}
	config := certificate.Server()
	config.ClientCAs, config.ClientAuth = ca.Pool(), clientCertificate
	p, err := tlsproxy.Listen(t.Context(), "127.0.0.1:0", addr, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, ca
}

func TestProxy_ClickHouse(t *testing.T) {
	for name, protocol := range map[string]ch.Protocol{"native": ch.Native, "http": ch.HTTP} {
		t.Run(name, func(t *testing.T) {
			plain := server.Options(t, protocol)
			p, ca := listen(t, plain.Addr[0], tls.RequireAndVerifyClientCert)
			shown, err := ca.Issue(authority.Client("pianola"))
			if err != nil {
				t.Fatal(err)
			}
			stranger, err := authority.New("another authority")
			if err != nil {
				t.Fatal(err)
			}
			ask := func(c *tls.Config) error {
				o := *plain
				o.Addr, o.TLS, o.DialTimeout, o.ReadTimeout = []string{p.Addr()}, c, 5*time.Second, 5*time.Second
				conn, err := ch.Open(&o)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				var n uint64
				if err := conn.QueryRow(t.Context(), "SELECT count() FROM numbers(1000000)").Scan(&n); err != nil {
					return err
				}
				if n != 1000000 {
					t.Errorf("%d rows", n)
				}
				return nil
			}
			if err := ask(ca.Client(shown)); err != nil {
				t.Errorf("with a certificate: %v", err)
			}
			if err := ask(ca.Client()); err == nil {
				t.Error("a client without a certificate was admitted")
			}
			var untrusted *tls.CertificateVerificationError
			if err := ask(stranger.Client(shown)); !errors.As(err, &untrusted) {
				t.Errorf("with another authority: %v", err)
			}
			if err := ask(nil); err == nil {
				t.Error("plain text was accepted")
			}
		})
	}
}

// TestProxy_Ends shows that an end of either side ends the other.
func TestProxy_Ends(t *testing.T) {
	upstream, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer upstream.Close()
	p, ca := listen(t, upstream.Addr().String(), tls.NoClientCert)
	dial := func() (client *tls.Conn, accepted net.Conn) {
		t.Helper()
		client, err := tls.Dial("tcp", p.Addr(), ca.Client())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
		if accepted, err = upstream.Accept(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = accepted.Close() })
		deadline := time.Now().Add(10 * time.Second)
		_, _ = client.SetDeadline(deadline), accepted.SetDeadline(deadline)
		return client, accepted
	}
	t.Run("a client that ends its requests gets the answer", func(t *testing.T) {
		client, accepted := dial()
		if _, err := io.WriteString(client, "question"); err != nil {
			t.Fatal(err)
		}
		if err := client.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(accepted); err != nil || string(got) != "question" {
			t.Errorf("%q, %v", got, err)
		}
		_, _ = io.WriteString(accepted, "answer")
		_ = accepted.Close()
		if got, err := io.ReadAll(client); err != nil || string(got) != "answer" {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("a server that ends", func(t *testing.T) {
		client, accepted := dial()
		_ = accepted.Close()
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("%v", err)
		}
	})
	t.Run("Close", func(t *testing.T) {
		_, accepted := dial()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if _, err := accepted.Read(make([]byte, 1)); err == nil {
			t.Error("the connection is open")
		}
		if _, err := net.Dial("tcp", p.Addr()); err == nil {
			t.Error("it listens")
		}
	})
}
