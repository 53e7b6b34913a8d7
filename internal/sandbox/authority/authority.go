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

// New makes an authority. Two of the same name are still two: neither trusts what
// the other has signed.
func New(name string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make an authority's key: %w", err)
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

// century is beyond every validity that a test asks for.
const century = 100 * 365 * 24 * time.Hour

// Pool trusts the authority, and no other.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.root)
	return pool
}

// PEM is the authority's own certificate, as a ca_file holds it.
func (a *Authority) PEM() []byte { return encode("CERTIFICATE", a.root.Raw) }

// WriteFile puts PEM in a file.
func (a *Authority) WriteFile(file string) error {
	if err := os.WriteFile(file, a.PEM(), 0o600); err != nil {
		return fmt.Errorf("write an authority's certificate: %w", err)
	}
	return nil
}

// Client is the configuration of a client that trusts the authority alone, and
// shows the certificates given where a server asks for one.
func (a *Authority) Client(show ...Certificate) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: a.Pool()}
	for _, one := range show {
		c.Certificates = append(c.Certificates, one.TLS)
	}
	return c
}

// blank is what all certificates have. from and until are distances from now.
func blank(name string, from, until time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("draw a serial number: %w", err)
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(from), NotAfter: now.Add(until),
	}, nil
}

// sign makes a certificate for key out of template, by the parent.
func sign(template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read a certificate back: %w", err)
	}
	return signed, nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
