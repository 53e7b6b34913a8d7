package config

import (
	"crypto/tls"
	"crypto/x509"
)

// build reads the files and creates the tls.Config. No setting disables certificate
// verification; use ca_file for a private authority.
func (t *TLS) build(prefix string, p *problems) {
	if !t.Enabled {
		for _, s := range []struct{ name, value string }{
			{"ca_file", t.CAFile}, {"cert_file", t.CertFile}, {"key_file", t.KeyFile}, {"server_name", t.ServerName},
		} {
			if s.value != "" {
				p.add(prefix+".enabled", "is false although %s.%s is set", prefix, s.name)
			}
		}
		return
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		text, err := readBounded(t.CAFile, maxFile)
		pool := x509.NewCertPool()
		switch {
		case err != nil:
			p.add(prefix+".ca_file", "%v", err)
		case !pool.AppendCertsFromPEM(text):
			p.add(prefix+".ca_file", "the file contains no PEM certificate")
		default:
			c.RootCAs = pool
		}
	}
	switch {
	case (t.CertFile == "") != (t.KeyFile == ""):
		p.add(prefix+".cert_file", "requires %s.key_file; set both or neither", prefix)
	case t.CertFile != "":
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			p.add(prefix+".cert_file", "certificate and key: %v", err)
			break
		}
		c.Certificates = []tls.Certificate{pair}
	}
	t.built = c
}
