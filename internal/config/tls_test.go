package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// authority writes a certificate that signs itself, and its key, and says where.
func authority(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "broker.example.com"}, DNSNames: []string{"broker.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: certificate}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// TestTLS_BothEndsProveThemselves shakes hands with the built configuration on
// both sides: each trusts the other's certificate by the file alone.
func TestTLS_BothEndsProveThemselves(t *testing.T) {
	cert, key := authority(t)
	c, err := Load(Source{Environment: append(slices.Clone(minimal), "PIANOLA_KAFKA_TLS_ENABLED=true", "PIANOLA_KAFKA_TLS_CA_FILE="+cert,
		"PIANOLA_KAFKA_TLS_CERT_FILE="+cert, "PIANOLA_KAFKA_TLS_KEY_FILE="+key, "PIANOLA_KAFKA_TLS_SERVER_NAME=broker.example.com")}).Check()
	if err != nil {
		t.Fatal(err)
	}
	client := c.ConsumerConfig().TLS
	if client == nil || c.SinkConfig().TLS != nil {
		t.Fatal("TLS was asked for Kafka alone")
	}
	server := &tls.Config{Certificates: client.Certificates, ClientCAs: client.RootCAs, ClientAuth: tls.RequireAndVerifyClientCert}
	if err := shake(client, server); err != nil {
		t.Errorf("handshake: %v", err)
	}
	stranger := client.Clone()
	stranger.ServerName = "other.example.com"
	if err := shake(stranger, server); err == nil {
		t.Error("a certificate for another name was accepted")
	}
}

func shake(client, server *tls.Config) error {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	accepted := make(chan error, 1)
	go func() {
		accepted <- tls.Server(far, server).Handshake()
		far.Close()
	}()
	err := tls.Client(near, client).Handshake()
	near.Close()
	if other := <-accepted; err == nil {
		err = other
	}
	return err
}

func TestTLS_MistakesNameTheirKey(t *testing.T) {
	cert, key := authority(t)
	const on = "PIANOLA_CLICKHOUSE_TLS_ENABLED=true"
	for want, variables := range map[string][]string{
		"clickhouse.tls.ca_file: there is no PEM certificate": {on, "PIANOLA_CLICKHOUSE_TLS_CA_FILE=" + key},
		"clickhouse.tls.ca_file: open ":                       {on, "PIANOLA_CLICKHOUSE_TLS_CA_FILE=" + cert + ".none"},
		"clickhouse.tls.cert_file: goes with":                 {on, "PIANOLA_CLICKHOUSE_TLS_CERT_FILE=" + cert},
		"clickhouse.tls.cert_file: certificate and key: ":     {on, "PIANOLA_CLICKHOUSE_TLS_CERT_FILE=" + key, "PIANOLA_CLICKHOUSE_TLS_KEY_FILE=" + cert},
		"clickhouse.tls.enabled: is not true although":        {"PIANOLA_CLICKHOUSE_TLS_SERVER_NAME=db.example.com"},
	} {
		got := mistakes(t, Source{Environment: append(slices.Clone(minimal), variables...)})
		if len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("got %q, want one that begins %q", got, want)
		}
	}
}
