package apachekafka

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/pianola/pianola/internal/wait"
)

// Secure configures a second listener with TLS and SASL: PLAIN, SCRAM-SHA-256 or
// SCRAM-SHA-512. Every user has all permissions.
type Secure struct {
	// Advertise is the advertised host:port; empty advertises the listener's own.
	Advertise string
	// Certificate and Key are those of the listener (PEM; the key as PKCS #8).
	Certificate, Key []byte
	// ClientCAs sign the certificates of clients (PEM). If empty, clients need none.
	ClientCAs []byte
	// Optional also accepts clients without a certificate.
	Optional bool
	Plain    map[string]string // passwords by user; SCRAM's are set through Kafka's API
}

// listenerName is the name of the secure listener. Its properties have it in lower case.
const listenerName = "SECURE"

// properties returns the properties of the listener, which replace those of a plain broker.
// It writes files to dir.
func (s *Secure) properties(dir, plain, secure, controller string) (map[string]string, error) {
	advertise := s.Advertise
	if advertise == "" {
		advertise = secure
	}
	keystore, err := writeKeystore(dir, 0, s.Certificate, s.Key)
	if err != nil {
		return nil, err
	}
	var users strings.Builder
	for name, password := range s.Plain {
		fmt.Fprintf(&users, " user_%s=%q", name, password)
	}
	const jaas = "sasl.jaas.config"
	own := map[string]string{
		"ssl.keystore.type":     "PEM",
		"ssl.keystore.location": keystore,
		// Tests set certificates with another name, or with an unknown CA.
		"ssl.allow.dn.changes":    "true",
		"ssl.allow.san.changes":   "true",
		"sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
		"plain." + jaas:           "org.apache.kafka.common.security.plain.PlainLoginModule required" + users.String() + ";",
		"scram-sha-256." + jaas:   "org.apache.kafka.common.security.scram.ScramLoginModule required;",
		"scram-sha-512." + jaas:   "org.apache.kafka.common.security.scram.ScramLoginModule required;",
	}
	if len(s.ClientCAs) > 0 {
		file := filepath.Join(dir, "client-cas.pem")
		if err := os.WriteFile(file, s.ClientCAs, 0o600); err != nil {
			return nil, fmt.Errorf("write kafka's truststore: %w", err)
		}
		auth := "required"
		if s.Optional {
			auth = "requested"
		}
		maps.Copy(own, map[string]string{
			"ssl.client.auth": auth, "ssl.truststore.type": "PEM", "ssl.truststore.location": file,
		})
	}
	all := map[string]string{
		"listeners":                      "PLAINTEXT://" + plain + "," + listenerName + "://" + secure + ",CONTROLLER://" + controller,
		"advertised.listeners":           "PLAINTEXT://" + plain + "," + listenerName + "://" + advertise,
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT," + listenerName + ":SASL_SSL",
	}
	for key, value := range own {
		all[ofListener(key)] = value
	}
	return all, nil
}

func ofListener(key string) string {
	return "listener.name." + strings.ToLower(listenerName) + "." + key
}

// writeKeystore writes certificate and key to one PEM file. Each version has another name,
// because the broker reloads only when the name changes.
func writeKeystore(dir string, version int, certificate, key []byte) (string, error) {
	file := filepath.Join(dir, "keystore-"+strconv.Itoa(version)+".pem")
	if err := os.WriteFile(file, append(append([]byte(nil), key...), certificate...), 0o600); err != nil {
		return "", fmt.Errorf("write kafka's keystore: %w", err)
	}
	return file, nil
}

// SecureAddr returns the address of the secure listener, or an empty text.
func (b *Broker) SecureAddr() string { return b.secure }

// SetCertificate changes the certificate of the secure listener for new connections, and
// returns when the change is active. admin must use the plain listener.
func (b *Broker) SetCertificate(ctx context.Context, admin *kadm.Client, certificate, key []byte) error {
	if b.secure == "" {
		return errors.New("set certificate: the broker has no secure listener")
	}
	b.keystores++
	keystore, err := writeKeystore(filepath.Dir(b.file), b.keystores, certificate, key)
	if err != nil {
		return err
	}
	const broker = 1
	answers, err := admin.AlterBrokerConfigs(ctx, []kadm.AlterConfig{
		{Op: kadm.SetConfig, Name: ofListener("ssl.keystore.location"), Value: &keystore},
	}, broker)
	for _, one := range answers {
		err = errors.Join(err, one.Err)
	}
	if err != nil {
		return fmt.Errorf("set certificate: %w", err)
	}
	return b.awaitCertificate(ctx, certificate)
}

// awaitCertificate waits until the listener uses a certificate. The broker applies the
// change with a delay in each network thread, and distributes connections over the
// threads in turn. So the certificate must appear once per thread in a row. The count is
// doubled because other clients connect, too.
func (b *Broker) awaitCertificate(ctx context.Context, certificate []byte) error {
	want, _ := pem.Decode(certificate)
	if want == nil {
		return errors.New("set certificate: not PEM")
	}
	const inARow = 2 * 3 // num.network.threads is 3 by default
	seen := 0
	err := wait.Until(ctx, 10*time.Millisecond, func() (bool, error) {
		var shown []byte
		dialer := tls.Dialer{Config: &tls.Config{
			InsecureSkipVerify: true, // the certificate is only compared
			VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
				shown = raw[0]
				return nil
			},
		}}
		if conn, err := dialer.DialContext(ctx, "tcp", b.secure); err == nil {
			_ = conn.Close()
		}
		if seen++; !bytes.Equal(shown, want.Bytes) {
			seen = 0
		}
		return seen == inARow, nil
	})
	if err != nil {
		return fmt.Errorf("set certificate: not active: %w", err)
	}
	return nil
}
