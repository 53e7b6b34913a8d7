package trial

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/authority"
	clickhouse "github.com/pianola/pianola/internal/sandbox/front"
)

// The names of a process and of who watches, to both servers.
const (
	reader   = "pianola" // of the processes
	narrow   = "narrow"  // who has a password for SCRAM-SHA-256 alone
	observer = "observer"
)

// secured are servers that ask for TLS and a login, of one authority that nobody
// else trusts. Clients may show a certificate that it has signed.
type secured struct {
	dir     string
	secrets *secrets

	ca           *authority.Authority
	certificates map[string]authority.Certificate // what a server may show, by what is wrong with it
	front        *clickhouse.Front
	shown        atomic.Pointer[tls.Certificate] // by ClickHouse
	kafka        *securedKafka

	password      string // of reader, by any mechanism and at ClickHouse
	otherPassword string // never the right one but in between
	deck          []lockout

	client authority.Certificate // of processes, and of who watches
	mutual atomic.Bool           // clients have to show one; Apache's Kafka lets others in too
}

// good is what a server shows when nothing is wrong with it.
const good = "good"

// secure gives a stage of the same ClickHouse and binary with secured servers. The
// caller closes it; the stage that it came from stays.
func (s *Stage) secure(ctx context.Context) (_ *Stage, err error) {
	dir, err := os.MkdirTemp(s.dir, "secured-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	x := &secured{dir: dir, secrets: &secrets{}}
	x.password, x.otherPassword = x.secrets.password(), x.secrets.password()
	if err := x.certify(); err != nil {
		return nil, err
	}
	t := &Stage{kind: s.kind, binary: s.binary, dir: dir, rounds: s.rounds, lent: s, secured: x, clickhouse: s.clickhouse}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Close())
		}
	}()
	x.front, err = s.clickhouse.Open(ctx, clickhouse.FrontConfig{NativeAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0", TLS: x.tls(&x.shown)})
	if err != nil {
		return nil, err
	}
	if x.kafka, err = x.startKafka(ctx, s.kind); err != nil {
		return nil, err
	}
	t.broker, t.access = &x.kafka.broker, x.kafka.access
	if t.client, err = kgo.NewClient(append(slices.Clone(t.access), kgo.SeedBrokers(t.broker.addr))...); err != nil {
		return nil, fmt.Errorf("make a kafka client: %w", err)
	}
	t.admin = kadm.NewClient(t.client)
	x.kafka.admin = t.admin
	return t, x.kafka.setPassword(ctx, x.password)
}

func (x *secured) close() error {
	var errs []error
	if x.kafka != nil {
		errs = append(errs, x.kafka.stop())
	}
	if x.front != nil {
		errs = append(errs, x.front.Close())
	}
	return errors.Join(errs...)
}

// certify issues what servers and processes show, and writes what processes read.
func (x *secured) certify() (err error) {
	if x.ca, err = authority.New("the trial's authority"); err != nil {
		return err
	}
	stranger, err := authority.New("another authority")
	if err != nil {
		return err
	}
	x.certificates = map[string]authority.Certificate{}
	for name, terms := range map[string]authority.Terms{
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

func (x *secured) file(name string) string { return filepath.Join(x.dir, name) }

// tls shows a certificate that may be exchanged, and asks a client for its own
// where the round does.
func (x *secured) tls(shown *atomic.Pointer[tls.Certificate]) *tls.Config {
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

// watching is the TLS of who watches, who does not mind what is shown to him.
func (x *secured) watching() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{x.client.TLS}}
}

// settings are what a round's processes need to come in, by key path.
func (x *secured) settings(r *round) map[string]string {
	mechanism, mutual := r.combination()
	all := map[string]string{
		"kafka.brokers": x.kafka.door, "kafka.tls.enabled": "true", "kafka.tls.ca_file": x.file("ca.pem"),
		"kafka.sasl.mechanism": mechanism, "kafka.sasl.user": reader,
		"clickhouse.tls.enabled": "true", "clickhouse.tls.ca_file": x.file("ca.pem"), "clickhouse.user": reader,
		"log.level": "debug", // where most is said
	}
	if !mutual {
		all["kafka.sasl.password_file"], all["clickhouse.password_file"] = x.file("password"), x.file("password")
		return all
	}
	// To ClickHouse the certificate is the login.
	all["kafka.sasl.password"] = x.password
	for _, section := range []string{"kafka", "clickhouse"} {
		all[section+".tls.cert_file"], all[section+".tls.key_file"] = x.file(reader+".pem"), x.file(reader+"-key.pem")
	}
	return all
}

// combination is how a round's processes log in: six rounds in a row try every
// mechanism over both of ClickHouse's protocols, twelve each of these with and
// without a certificate of their own.
func (r *round) combination() (mechanism string, mutual bool) {
	return []string{"plain", "scram-sha-256", "scram-sha-512"}[r.seed%3], r.seed/2%2 == 1
}

// letIn makes ClickHouse take the logins of a round, or those with another
// password.
func (x *secured) letIn(r *round, password string) {
	_, mutual := r.combination()
	x.mutual.Store(mutual)
	login := clickhouse.Login{User: reader, Password: password}
	if mutual {
		login = clickhouse.Login{User: reader, CommonName: reader}
		if password != x.password {
			login.CommonName = "nobody"
		}
	}
	x.front.SetLogin(login)
}
