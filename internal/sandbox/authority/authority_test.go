package authority_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"

	"github.com/pianola/pianola/internal/sandbox/authority"
)

// TestAuthority_Issue performs handshakes of a client that dials 127.0.0.1.
func TestAuthority_Issue(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	for name, c := range map[string]struct {
		by    *authority.Authority
		terms authority.Template
		good  bool
		why   any // the error that the client sees
	}{
		"good":            {by: ours, terms: authority.Server(), good: true},
		"expired":         {by: ours, terms: authority.Expired(), why: new(x509.CertificateInvalidError)},
		"not_yet_valid":   {by: ours, terms: authority.NotYetValid(), why: new(x509.CertificateInvalidError)},
		"other_name":      {by: ours, terms: authority.OtherName(), why: new(x509.HostnameError)},
		"other_authority": {by: theirs, terms: authority.Server(), why: new(x509.UnknownAuthorityError)},
	} {
		t.Run(name, func(t *testing.T) {
			err := authority.Handshake(ours.Client(), issue(t, c.by, c.terms).Server())
			if c.good != (err == nil) || !c.good && !errors.As(err, c.why) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAuthority_Client(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	server := issue(t, ours, authority.Server()).Server()
	server.ClientAuth, server.ClientCAs = tls.RequireAndVerifyClientCert, ours.Pool()
	if err := authority.Handshake(ours.Client(issue(t, ours, authority.Client("reader"))), server); err != nil {
		t.Errorf("good: %v", err)
	}
	if authority.Handshake(ours.Client(), server) == nil {
		t.Error("a client without a certificate was accepted")
	}
	if authority.Handshake(ours.Client(issue(t, theirs, authority.Client("reader"))), server) == nil {
		t.Error("a client of another authority was accepted")
	}
}

func TestCertificate_WriteFiles(t *testing.T) {
	ours := newAuthority(t)
	certFile, keyFile, err := issue(t, ours, authority.Server()).WriteFiles(t.TempDir(), "server")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := authority.Handshake(ours.Client(), &tls.Config{Certificates: []tls.Certificate{pair}}); err != nil {
		t.Error(err)
	}
}

func newAuthority(t *testing.T) *authority.Authority {
	t.Helper()
	a, err := authority.New("example authority")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func issue(t *testing.T, a *authority.Authority, terms authority.Template) authority.Certificate {
	t.Helper()
	c, err := a.Issue(terms)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
