package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Template describes a certificate.
type Template struct {
	Name  string        // the common name
	Hosts []string      // valid names and IP addresses
	From  time.Duration // relative to now; 0 with Until 0 selects a day
	Until time.Duration
}

// Server is a valid server certificate for 127.0.0.1 and localhost.
func Server() Template {
	return Template{Name: "server.example.com", Hosts: []string{"127.0.0.1", "localhost"}}
}

// Expired is a server certificate that expired yesterday.
func Expired() Template { return Server().between(-2*day, -day) }

// NotYetValid is a server certificate that is valid from tomorrow.
func NotYetValid() Template { return Server().between(day, 2*day) }

// OtherName is a valid certificate of another server.
func OtherName() Template {
	return Template{Name: "other.example.com", Hosts: []string{"other.example.com"}}
}

// Client is a valid client certificate with a name.
func Client(name string) Template { return Template{Name: name} }

const day = 24 * time.Hour

func (t Template) between(from, until time.Duration) Template {
	t.From, t.Until = from, until
	return t
}

// Certificate is a certificate and its private key.
type Certificate struct {
	TLS   tls.Certificate
	Chain []byte // PEM, for a cert_file
	Key   []byte // PEM, PKCS #8, for a key_file
}

// Issue signs a certificate with a new key.
func (a *Authority) Issue(t Template) (Certificate, error) {
	if t.From == 0 && t.Until == 0 {
		t = t.between(-time.Hour, day)
	}
	template, err := blank(t.Name, t.From, t.Until)
	if err != nil {
		return Certificate{}, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, host := range t.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Certificate{}, fmt.Errorf("generate a key: %w", err)
	}
	leaf, err := sign(template, a.root, key, a.key)
	if err != nil {
		return Certificate{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Certificate{}, fmt.Errorf("encode a key: %w", err)
	}
	return Certificate{
		TLS:   tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf},
		Chain: encode("CERTIFICATE", leaf.Raw), Key: encode("PRIVATE KEY", private),
	}, nil
}

// Server returns the configuration of a server with the certificate.
func (c Certificate) Server() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{c.TLS}}
}

// WriteFiles writes certificate and key to two files of a directory, and returns their paths.
func (c Certificate) WriteFiles(dir, name string) (certFile, keyFile string, err error) {
	certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+"-key.pem")
	for file, text := range map[string][]byte{certFile: c.Chain, keyFile: c.Key} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return "", "", fmt.Errorf("write a certificate: %w", err)
		}
	}
	return certFile, keyFile, nil
}
