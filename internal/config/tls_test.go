package config

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pianola/pianola/internal/sandbox/authority"
)

// files are a server's certificate and key, and the authority that has signed it.
func files(t *testing.T) (caFile, certFile, keyFile string) {
	t.Helper()
	ca, err := authority.New("example authority")
	if err != nil {
		t.Fatal(err)
	}
	terms := authority.Server()
	terms.Hosts = []string{"broker.example.com"}
	certificate, err := ca.Issue(terms)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	caFile = filepath.Join(dir, "ca.pem")
	if err := ca.WriteFile(caFile); err != nil {
		t.Fatal(err)
	}
	if certFile, keyFile, err = certificate.WriteFiles(dir, "server"); err != nil {
		t.Fatal(err)
	}
	return caFile, certFile, keyFile
}

// TestTLS_MutualAuthentication shakes hands with the built configuration on
// both sides: each trusts the other's certificate by the file alone.
func TestTLS_MutualAuthentication(t *testing.T) {
	ca, cert, key := files(t)
	c, err := Load(Source{Environment: append(slices.Clone(minimal), "PIANOLA_KAFKA_TLS_ENABLED=true", "PIANOLA_KAFKA_TLS_CA_FILE="+ca,
		"PIANOLA_KAFKA_TLS_CERT_FILE="+cert, "PIANOLA_KAFKA_TLS_KEY_FILE="+key, "PIANOLA_KAFKA_TLS_SERVER_NAME=broker.example.com")}).Check()
	if err != nil {
		t.Fatal(err)
	}
	if c.ConsumerConfig().TLS == nil || c.SinkConfig().TLS != nil {
		t.Fatal("TLS was asked for Kafka alone")
	}
	client := c.ConsumerConfig().TLS()
	server := &tls.Config{Certificates: client.Certificates, ClientCAs: client.RootCAs, ClientAuth: tls.RequireAndVerifyClientCert}
	if err := authority.Handshake(client, server); err != nil {
		t.Errorf("handshake: %v", err)
	}
	stranger := client.Clone()
	stranger.ServerName = "other.example.com"
	if err := authority.Handshake(stranger, server); err == nil {
		t.Error("a certificate for another name was accepted")
	}
}

func TestTLS_MistakesNameTheirKey(t *testing.T) {
	ca, cert, key := files(t)
	const on = "PIANOLA_CLICKHOUSE_TLS_ENABLED=true"
	for want, variables := range map[string][]string{
		"clickhouse.tls.ca_file: the file contains no PEM certificate":    {on, "PIANOLA_CLICKHOUSE_TLS_CA_FILE=" + key},
		"clickhouse.tls.ca_file: the file that it names cannot be read: ": {on, "PIANOLA_CLICKHOUSE_TLS_CA_FILE=" + ca + ".none"},
		"clickhouse.tls.cert_file: requires":                              {on, "PIANOLA_CLICKHOUSE_TLS_CERT_FILE=" + cert},
		"clickhouse.tls.cert_file: tls: ":                                 {on, "PIANOLA_CLICKHOUSE_TLS_CERT_FILE=" + key, "PIANOLA_CLICKHOUSE_TLS_KEY_FILE=" + cert},
		"clickhouse.tls.enabled: is false although":                       {"PIANOLA_CLICKHOUSE_TLS_SERVER_NAME=db.example.com"},
	} {
		got := mistakes(t, Source{Environment: append(slices.Clone(minimal), variables...)})
		if len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("got %q, want one that begins %q", got, want)
		}
	}
}

// TestTLS_RenewedFilesNeedNoRestart replaces the files while the configuration is in use, as
// Kubernetes and cert-manager do: each file for itself.
func TestTLS_RenewedFilesNeedNoRestart(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	type issued struct {
		ca     *authority.Authority
		client authority.Certificate
		server *tls.Config
	}
	issue := func(name string) issued {
		ca, err := authority.New("example authority")
		if err != nil {
			t.Fatal(err)
		}
		client, err := ca.Issue(authority.Client(name))
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := ca.Issue(authority.Server())
		if err != nil {
			t.Fatal(err)
		}
		server := certificate.Server()
		server.ClientCAs, server.ClientAuth = ca.Pool(), tls.RequireAndVerifyClientCert
		return issued{ca, client, server}
	}
	write := func(from issued, files ...string) {
		t.Helper()
		certificate, key, err := from.client.WriteFiles(t.TempDir(), "client")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			text := from.ca.PEM()
			if source := map[string]string{"cert.pem": certificate, "key.pem": key}[name]; source != "" {
				if text, err = os.ReadFile(source); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(path(name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	old, renewed := issue("old"), issue("renewed")
	write(old, "ca.pem", "cert.pem", "key.pem")
	c, err := Load(with("CLICKHOUSE_TLS_ENABLED=true", "CLICKHOUSE_TLS_CA_FILE="+path("ca.pem"), "CLICKHOUSE_TLS_CERT_FILE="+path("cert.pem"),
		"CLICKHOUSE_TLS_KEY_FILE="+path("key.pem"), "CLICKHOUSE_TLS_SERVER_NAME=127.0.0.1")).Check()
	if err != nil {
		t.Fatal(err)
	}
	current := c.SinkConfig().TLS
	shakes := func(with issued, want bool, when string) {
		t.Helper()
		if err := authority.Handshake(current(), with.server); (err == nil) != want {
			t.Errorf("%s: handshake: %v", when, err)
		}
	}
	shakes(old, true, "at the start")
	shakes(renewed, false, "before the renewal")
	write(renewed, "cert.pem")
	shakes(old, true, "half renewed: the key does not fit the certificate")
	write(renewed, "key.pem", "ca.pem")
	shakes(renewed, true, "after the renewal")
	shakes(old, false, "after the renewal, with the old authority")
	if err := os.Remove(path("ca.pem")); err != nil {
		t.Fatal(err)
	}
	shakes(renewed, true, "while a file is missing")
}

// TestTLS_StatementsTakeRenewedCertificates dials as the statements do that are no inserts.
func TestTLS_StatementsTakeRenewedCertificates(t *testing.T) {
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	var shown atomic.Pointer[tls.Certificate]
	renew := func() {
		ca, err := authority.New("example authority")
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := ca.Issue(authority.Server())
		if err != nil {
			t.Fatal(err)
		}
		if err := ca.WriteFile(caFile); err != nil {
			t.Fatal(err)
		}
		shown.Store(&certificate.TLS)
	}
	renew()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return shown.Load(), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(serving.Wait)
	t.Cleanup(func() { listener.Close() })
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).Handshake() // the client reports the error
			conn.Close()
		}
	})
	for _, protocol := range []string{"native", "http"} {
		c, err := Load(with("CLICKHOUSE_TLS_ENABLED=true", "CLICKHOUSE_TLS_CA_FILE="+caFile, "CLICKHOUSE_PROTOCOL="+protocol)).Check()
		if err != nil {
			t.Fatal(err)
		}
		options := c.ClickHouseOptions()
		dial := options.DialContext
		if protocol == "http" {
			transport := &http.Transport{}
			if _, err := options.TransportFunc(transport); err != nil {
				t.Fatal(err)
			}
			if options.TLS == nil || dial != nil {
				t.Error("http would send plain text, or encrypt twice")
			}
			dial = func(ctx context.Context, addr string) (net.Conn, error) {
				return transport.DialTLSContext(ctx, "tcp", addr)
			}
		}
		for _, when := range []string{"at first", "after the renewal"} {
			conn, err := dial(t.Context(), listener.Addr().String())
			if err != nil {
				t.Fatalf("%s %s: %v", protocol, when, err)
			}
			conn.Close()
			renew()
		}
	}
}
