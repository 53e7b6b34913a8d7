package config

import (
	"crypto/tls"
	"path/filepath"
	"slices"
	"strings"
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
	client := c.ConsumerConfig().TLS
	if client == nil || c.SinkConfig().TLS != nil {
		t.Fatal("TLS was asked for Kafka alone")
	}
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
		"clickhouse.tls.ca_file: the file contains no PEM certificate": {on, "PIANOLA_CLICKHOUSE_TLS_CA_FILE=" + key},
		"clickhouse.tls.ca_file: open ":                                {on, "PIANOLA_CLICKHOUSE_TLS_CA_FILE=" + ca + ".none"},
		"clickhouse.tls.cert_file: requires":                           {on, "PIANOLA_CLICKHOUSE_TLS_CERT_FILE=" + cert},
		"clickhouse.tls.cert_file: certificate and key: ":              {on, "PIANOLA_CLICKHOUSE_TLS_CERT_FILE=" + key, "PIANOLA_CLICKHOUSE_TLS_KEY_FILE=" + cert},
		"clickhouse.tls.enabled: is false although":                    {"PIANOLA_CLICKHOUSE_TLS_SERVER_NAME=db.example.com"},
	} {
		got := mistakes(t, Source{Environment: append(slices.Clone(minimal), variables...)})
		if len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("got %q, want one that begins %q", got, want)
		}
	}
}
