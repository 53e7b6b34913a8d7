package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync/atomic"
)

// build reads the files for the first time and reports their mistakes. No setting disables
// certificate verification; use ca_file for a private authority.
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
	if (t.CertFile == "") != (t.KeyFile == "") {
		p.add(prefix+".cert_file", "requires %s.key_file; set both or neither", prefix)
		return
	}
	read, errs := t.read()
	for _, one := range errs {
		p.add(prefix+"."+one.name, "%v", one.err)
	}
	if len(errs) > 0 {
		return
	}
	certificates := &certificates{settings: *t}
	certificates.latest.Store(read)
	t.current = certificates.config
}

// fileError is a mistake in the file of one setting.
type fileError struct {
	name string // of the setting, below the section
	err  error
}

// read builds the tls.Config from the files as they are now.
func (t TLS) read() (*tls.Config, []fileError) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	var errs []fileError
	if t.CAFile != "" {
		text, err := readNamed(t.CAFile, maxFile)
		c.RootCAs = x509.NewCertPool()
		if err == nil && !c.RootCAs.AppendCertsFromPEM(text) {
			err = errors.New("the file contains no PEM certificate")
		}
		if err != nil {
			errs = append(errs, fileError{"ca_file", err})
		}
	}
	if t.CertFile == "" {
		return c, errs
	}
	certificate, certErr := readNamed(t.CertFile, maxFile)
	if certErr != nil {
		errs = append(errs, fileError{"cert_file", certErr})
	}
	key, keyErr := readNamed(t.KeyFile, maxFile)
	if keyErr != nil {
		errs = append(errs, fileError{"key_file", keyErr})
	}
	if certErr != nil || keyErr != nil {
		return c, errs
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return c, append(errs, fileError{"cert_file", err})
	}
	c.Certificates = []tls.Certificate{pair}
	return c, errs
}

// certificates reads the files again for each connection, so that renewed certificates need
// no restart. Connections are rare and the files small.
type certificates struct {
	settings TLS
	latest   atomic.Pointer[tls.Config] // the last one that could be read
}

// config returns the configuration of the next connection. A renewal writes its files one
// after another: while they do not fit together, the last ones stay in use.
func (c *certificates) config() *tls.Config {
	if read, errs := c.settings.read(); len(errs) == 0 {
		c.latest.Store(read)
	}
	return c.latest.Load()
}
