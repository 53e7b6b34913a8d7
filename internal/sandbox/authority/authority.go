package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"time"
)

// Authority signs certificates. It is safe for concurrent use.
type Authority struct {
	root *x509.Certificate
	key  *ecdsa.PrivateKey
}

// New makes an authority with a new key. Two authorities with the same name do not trust
// each other's certificates.
func New(name string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate the authority's key: %w", err)
	}
	template, err := blank(name, -century, century)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	root, err := sign(template, template, key, key)
	if err != nil {
		return nil, err
	}
	return &Authority{root: root, key: key}, nil
}

// century is longer than every validity in a test.
const century = 100 * 365 * 24 * time.Hour

// Pool returns a pool with only this authority.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.root)
	return pool
}

// PEM returns the authority's certificate, for a ca_file.
func (a *Authority) PEM() []byte { return encode("CERTIFICATE", a.root.Raw) }

// WriteFile writes PEM to a file.
func (a *Authority) WriteFile(file string) error {
	if err := os.WriteFile(file, a.PEM(), 0o600); err != nil {
		return fmt.Errorf("write an authority's certificate: %w", err)
	}
	return nil
}

// Client returns the configuration of a client that trusts only this authority. certs are
// its client certificates.
func (a *Authority) Client(certs ...Certificate) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: a.Pool()}
	for _, one := range certs {
		c.Certificates = append(c.Certificates, one.TLS)
	}
	return c
}

// blank returns the common part of all certificates. from and until are relative to now.
func blank(name string, from, until time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("generate a serial number: %w", err)
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(from), NotAfter: now.Add(until),
	}, nil
}

// sign makes a certificate for key from template, signed by the parent.
func sign(template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse a signed certificate: %w", err)
	}
	return signed, nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
