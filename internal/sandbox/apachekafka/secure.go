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
)

// Secure is a second listener of the broker, beside the plain one: TLS, and a
// login by PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. Who has logged in may do
// everything.
type Secure struct {
	// Advertise is the host:port that clients are told to come to; empty for the
	// listener's own.
	Advertise string
	// Certificate and Key are what the listener shows (PEM; the key as PKCS #8).
	Certificate, Key []byte
	// ClientCAs have to have signed the certificate of a client (PEM); empty asks
	// clients for none.
	ClientCAs []byte
	// Optional lets clients in that show none.
	Optional bool
	Plain    map[string]string // passwords by user
	Scram    []ScramUser
}

// ScramUser is a user of SCRAM. Letters and digits in name and password spare one
// the tool's escapes.
type ScramUser struct {
	Mechanism      string // SCRAM-SHA-256 or SCRAM-SHA-512
	Name, Password string
	Salt           string // base64; empty lets the tool draw one
}

// listenerName is the secure one's, in properties of its own in lower case.
const listenerName = "SECURE"

// properties are the listener's, put over those of a plain broker. Files go to dir.
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
		// A certificate may follow that another name, or nobody, is good for.
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

// scramArguments are what the tool that formats the storage is told of users.
func (s *Secure) scramArguments() []string {
	var all []string
	for _, u := range s.Scram {
		salt := ""
		if u.Salt != "" {
			salt = fmt.Sprintf(",salt=%q", u.Salt)
		}
		all = append(all, "--add-scram", fmt.Sprintf("%s=[name=%q%s,iterations=4096,password=%q]", u.Mechanism, u.Name, salt, u.Password))
	}
	return all
}

// writeKeystore writes certificate and key as one PEM file, each version of it
// under another name: the broker looks only where a name has changed.
func writeKeystore(dir string, version int, certificate, key []byte) (string, error) {
	file := filepath.Join(dir, "keystore-"+strconv.Itoa(version)+".pem")
	if err := os.WriteFile(file, append(append([]byte(nil), key...), certificate...), 0o600); err != nil {
		return "", fmt.Errorf("write kafka's keystore: %w", err)
	}
	return file, nil
}

// SecureAddr is where the secure listener is; empty without one.
func (b *Broker) SecureAddr() string { return b.secure }

// Show makes the secure listener show another certificate to connections that are
// made from now on, and returns once it does. admin has to come by the plain
// listener.
func (b *Broker) Show(ctx context.Context, admin *kadm.Client, certificate, key []byte) error {
	if b.secure == "" {
		return errors.New("show another certificate: the broker has no secure listener")
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
		return fmt.Errorf("show another certificate: %w", err)
	}
	return b.awaitShown(ctx, certificate)
}

// awaitShown waits until the listener shows a certificate. The broker takes over
// what it has been told a little later, one network thread after the other, and
// gives connections to them in turn: so it has to be seen as often in a row as
// there are threads, and twice that for who else connects.
func (b *Broker) awaitShown(ctx context.Context, certificate []byte) error {
	want, _ := pem.Decode(certificate)
	if want == nil {
		return errors.New("show another certificate: it is not PEM")
	}
	const inARow = 2 * 3 // num.network.threads is 3 by default
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for seen := 0; ; {
		var shown []byte
		dialer := tls.Dialer{Config: &tls.Config{
			InsecureSkipVerify: true, // it is looked at, not trusted
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
		if seen == inARow {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("show another certificate: it is not shown: %w", ctx.Err())
		}
	}
}
