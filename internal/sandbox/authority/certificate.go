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

// Terms are what a certificate says.
type Terms struct {
	Name  string        // whose it is (the common name)
	Hosts []string      // names and IP addresses that it is good for
	From  time.Duration // of its validity, from now; 0 with Until 0: good for a day
	Until time.Duration
}

// Server is a good certificate of a server at 127.0.0.1 and localhost.
func Server() Terms {
	return Terms{Name: "server.example.com", Hosts: []string{"127.0.0.1", "localhost"}}
}

// Expired is Server's of yesterday.
func Expired() Terms { return Server().between(-2*day, -day) }

// NotYetValid is Server's of tomorrow.
func NotYetValid() Terms { return Server().between(day, 2*day) }

// OtherName is a good certificate of a server somewhere else.
func OtherName() Terms { return Terms{Name: "other.example.com", Hosts: []string{"other.example.com"}} }

// Client is a good certificate of a client of that name.
func Client(name string) Terms { return Terms{Name: name} }

const day = 24 * time.Hour

func (t Terms) between(from, until time.Duration) Terms {
	t.From, t.Until = from, until
	return t
}

// Certificate is a certificate and its private key.
type Certificate struct {
	TLS   tls.Certificate
	Chain []byte // PEM, as a cert_file holds it
	Key   []byte // PEM, PKCS #8, as a key_file holds it
}

// Issue makes a certificate, with a new key.
func (a *Authority) Issue(t Terms) (Certificate, error) {
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
		return Certificate{}, fmt.Errorf("make a key: %w", err)
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

// Server is the configuration of a server that shows the certificate.
func (c Certificate) Server() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{c.TLS}}
}

// WriteFiles puts certificate and key in two files of a directory, and says where.
func (c Certificate) WriteFiles(dir, name string) (certFile, keyFile string, err error) {
	certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+"-key.pem")
	for file, text := range map[string][]byte{certFile: c.Chain, keyFile: c.Key} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return "", "", fmt.Errorf("write a certificate: %w", err)
		}
	}
	return certFile, keyFile, nil
}
