package login

import (
	"context"
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/pianola/pianola/internal/sandbox/authority"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/tlsproxy"
	"github.com/pianola/pianola/internal/trial/harness"
)

// User names at both servers.
const (
	reader   = harness.Service
	narrow   = "narrow"   // has a password for SCRAM-SHA-256 alone
	observer = "observer" // of the harness
)

// servers require TLS and a login. Their certificates are of one authority that no other
// program trusts. Clients may present a certificate that the authority has signed.
type servers struct {
	plain   *harness.Env // the servers without TLS
	dir     string
	secrets secrets

	ca           *authority.Authority
	certificates map[string]authority.Certificate // of a server, by what is wrong with it
	clickhouse   *clickhouse.Server
	shown        atomic.Pointer[tls.Certificate] // by ClickHouse
	kafka        *securedKafka

	password      string // of the reader, by any mechanism and at ClickHouse
	otherPassword string // wrong, but while a lockout changes the password
	deck          []lockout

	client authority.Certificate // of processes and of the harness
	mutual atomic.Bool           // clients must present one; Apache Kafka accepts others too
}

// good is the certificate with which nothing is wrong.
const good = "good"

// start is the environment with secured servers in place of its own.
func (x *servers) start(ctx context.Context, e *harness.Env) (_ *harness.Env, err error) {
	x.plain = e
	if x.dir, err = os.MkdirTemp(e.Dir, "secured-"); err != nil {
		return nil, err
	}
	x.password, x.otherPassword = x.secrets.password(), x.secrets.password()
	if err := x.certify(); err != nil {
		return nil, err
	}
	if x.kafka, err = x.startKafka(ctx, e.Kind); err != nil {
		return nil, err
	}
	own, err := e.WithBroker(&x.kafka.Broker)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, own.Close())
		}
	}()
	if err := x.startClickHouse(ctx, own); err != nil {
		return nil, err
	}
	own.ProcessSettings = x.settings
	own.LogLine = func(line string) { x.secrets.search("the log", line) }
	x.kafka.admin = own.Admin
	return own, x.kafka.setPassword(ctx, x.password)
}

// startClickHouse starts a server behind two proxies that terminate TLS.
func (x *servers) startClickHouse(ctx context.Context, own *harness.Env) (err error) {
	x.clickhouse, err = harness.StartClickHouse(ctx, filepath.Join(x.dir, "clickhouse"), clickhouse.Config{Access: x.access(x.password, false)})
	if err != nil {
		return err
	}
	own.ClickHouse = x.clickhouse
	own.OnClose(x.clickhouse.Close)
	doors := map[string]string{}
	for protocol, behind := range map[string]string{"native": x.clickhouse.NativeAddr(), "http": x.clickhouse.HTTPAddr()} {
		door, err := tlsproxy.Listen(ctx, "127.0.0.1:0", behind, x.tls(&x.shown))
		if err != nil {
			return err
		}
		own.OnClose(door.Close)
		doors[protocol] = door.Addr()
	}
	own.ClickHouseAddr = func(protocol string) string { return doors[protocol] }
	return nil
}

// access is the reader with a password. Where the certificate is the login, which the
// proxy requires, the reader has none. Another password than the right one locks the
// reader out, with and without certificates.
func (x *servers) access(password string, certificateOnly bool) clickhouse.Access {
	if certificateOnly && password == x.password {
		password = ""
	}
	// Those of the service, and more than migrations need.
	grants := append(harness.Grants("*"), "GRANT CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP VIEW, ALTER TABLE, ALTER VIEW ON *.*")
	a := harness.Access(nil)
	a.Users = append(a.Users[:1], clickhouse.User{Name: reader, Password: password, Grants: grants})
	return a
}

// certify issues the certificates of servers and processes, and writes the files that
// processes read.
func (x *servers) certify() (err error) {
	if x.ca, err = authority.New("the trial's authority"); err != nil {
		return err
	}
	stranger, err := authority.New("another authority")
	if err != nil {
		return err
	}
	x.certificates = map[string]authority.Certificate{}
	for name, terms := range map[string]authority.Template{
		good: authority.Server(), "expired": authority.Expired(), "not yet valid": authority.NotYetValid(), "other name": authority.OtherName(),
	} {
		if x.certificates[name], err = x.ca.Issue(terms); err != nil {
			return err
		}
	}
	for name, ca := range map[string]*authority.Authority{reader: x.ca, "stranger": stranger} {
		shown, err := ca.Issue(authority.Client(reader))
		if err != nil {
			return err
		}
		if ca == x.ca {
			x.client = shown
		}
		if _, _, err := shown.WriteFiles(x.dir, name); err != nil {
			return err
		}
		x.secrets.key(shown.Key)
	}
	current := x.certificates[good].TLS
	x.shown.Store(&current)
	return errors.Join(x.ca.WriteFile(x.file("ca.pem")), stranger.WriteFile(x.file("stranger-ca.pem")),
		os.WriteFile(x.file("password"), []byte(x.password+"\n"), 0o600))
}

func (x *servers) file(name string) string { return filepath.Join(x.dir, name) }

// tls presents a certificate that can be replaced, and requires one of the client where the
// round does.
func (x *servers) tls(shown *atomic.Pointer[tls.Certificate]) *tls.Config {
	free := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return shown.Load(), nil },
	}
	strict := free.Clone()
	strict.ClientCAs, strict.ClientAuth = x.ca.Pool(), tls.RequireAndVerifyClientCert
	free.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if x.mutual.Load() {
			return strict, nil
		}
		return nil, nil
	}
	return free
}

// observerTLS is the TLS of the harness, which accepts any certificate.
func (x *servers) observerTLS() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{x.client.TLS}}
}

// settings are what a round's processes need to log in, by key path.
func (x *servers) settings(r *harness.Round) map[string]string {
	mechanism, mutual := combination(r)
	all := map[string]string{
		"kafka.brokers": x.kafka.door, "kafka.tls.enabled": "true", "kafka.tls.ca_file": x.file("ca.pem"),
		"kafka.sasl.mechanism": mechanism, "kafka.sasl.user": reader,
		"clickhouse.tls.enabled": "true", "clickhouse.tls.ca_file": x.file("ca.pem"), "clickhouse.user": reader,
		"log.level": "debug", // the level with most text
	}
	if !mutual {
		all["kafka.sasl.password_file"], all["clickhouse.password_file"] = x.file("password"), x.file("password")
		return all
	}
	all["kafka.sasl.password"] = x.password
	if !certificateOnly(r) {
		all["clickhouse.password_file"] = x.file("password")
	}
	for _, section := range []string{"kafka", "clickhouse"} {
		all[section+".tls.cert_file"], all[section+".tls.key_file"] = x.file(reader+".pem"), x.file(reader+"-key.pem")
	}
	return all
}

// combination is how a round's processes log in. Six consecutive rounds try every mechanism
// with both of ClickHouse's protocols. Twelve try each of these with and without a
// certificate of the client.
func combination(r *harness.Round) (mechanism string, mutual bool) {
	return []string{"plain", "scram-sha-256", "scram-sha-512"}[r.Seed%3], r.Seed/2%2 == 1
}

// certificateOnly reports whether a round's processes log in to ClickHouse with a
// certificate and no password. Over HTTP the client then asks the server itself to check
// the certificate, which a server behind a TLS proxy refuses.
func certificateOnly(r *harness.Round) bool {
	_, mutual := combination(r)
	return mutual && r.Protocol == "native"
}

// admit makes ClickHouse accept the logins of a round, with a password. The server reads
// its users when it starts.
func (x *servers) admit(ctx context.Context, r *harness.Round, password string) error {
	_, mutual := combination(r)
	x.mutual.Store(mutual)
	return x.clickhouse.RestartWith(ctx, x.access(password, certificateOnly(r)), clickhouse.Settings{})
}
