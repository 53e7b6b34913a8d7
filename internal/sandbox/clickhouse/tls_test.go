package clickhouse_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	chgo "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/internal/sandbox/authority"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
)

const tlsPassword = "a-password-of-a-test"

// openFront opens a front with TLS, and with it an authority that clients trust.
func openFront(t *testing.T, login clickhouse.Login, terms authority.Terms) (*clickhouse.Front, *authority.Authority) {
	t.Helper()
	ca, err := authority.New("example authority")
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := ca.Issue(terms)
	if err != nil {
		t.Fatal(err)
	}
	encrypted := certificate.Server()
	encrypted.ClientCAs, encrypted.ClientAuth = ca.Pool(), tls.VerifyClientCertIfGiven
	f, err := server.Open(t.Context(), clickhouse.FrontConfig{NativeAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0", TLS: encrypted, Login: login})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f, ca
}

// secured is how clickhouse-go comes to the front.
func secured(f *clickhouse.Front, p chgo.Protocol, user, password string, c *tls.Config) *chgo.Options {
	o := options(p, "")
	o.TLS, o.Auth.Username, o.Auth.Password = c, user, password
	o.DialTimeout, o.ReadTimeout = 5*time.Second, 5*time.Second
	o.Addr = []string{f.NativeAddr()}
	if p == chgo.HTTP {
		o.Addr = []string{f.HTTPAddr()}
	}
	return o
}

func TestFront_TLS(t *testing.T) {
	f, ca := openFront(t, clickhouse.Login{User: "writer", Password: tlsPassword}, authority.Server())
	other, err := authority.New("another authority")
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range protocols {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			conn := open(t, secured(f, p, "writer", tlsPassword, ca.Client()))
			table := "encrypted_" + name
			execute(t, conn, "CREATE TABLE "+table+" (n UInt64) ENGINE = MergeTree ORDER BY n")
			t.Cleanup(func() { execute(t, conn, "DROP TABLE "+table) })
			batch, err := conn.PrepareBatch(ctx, "INSERT INTO "+table)
			if err != nil {
				t.Fatal(err)
			}
			for n := range uint64(100_000) {
				if err := batch.Append(n); err != nil {
					t.Fatal(err)
				}
			}
			if err := batch.Send(); err != nil {
				t.Fatal(err)
			}
			if n := count(t, conn, "SELECT count() FROM "+table); n != 100_000 {
				t.Errorf("%d rows, want 100000", n)
			}

			var refused *chgo.Exception
			err = open(t, secured(f, p, "writer", tlsPassword+"-not", ca.Client())).Exec(ctx, "SELECT 1")
			if !errors.As(err, &refused) || proto.Error(refused.Code) != proto.ErrAuthenticationFailed {
				t.Errorf("another password: %v", err)
			}
			var untrusted *tls.CertificateVerificationError
			err = open(t, secured(f, p, "writer", tlsPassword, other.Client())).Exec(ctx, "SELECT 1")
			if !errors.As(err, &untrusted) {
				t.Errorf("another authority: %v", err)
			}
			if err := open(t, secured(f, p, "writer", tlsPassword, nil)).Exec(ctx, "SELECT 1"); err == nil {
				t.Error("it took plain text")
			}
		})
	}

	t.Run("ch-go", func(t *testing.T) {
		client, err := ch.Dial(t.Context(), ch.Options{Address: f.NativeAddr(), User: "writer", Password: tlsPassword, TLS: ca.Client()})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if err := client.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestFront_ClientCertificate(t *testing.T) {
	f, ca := openFront(t, clickhouse.Login{User: "writer", CommonName: "writer"}, authority.Server())
	show := func(name string) *tls.Config {
		c, err := ca.Issue(authority.Client(name))
		if err != nil {
			t.Fatal(err)
		}
		return ca.Client(c)
	}
	for name, p := range protocols {
		for _, c := range []struct {
			what           string
			user, password string
			tls            *tls.Config
			good           bool
		}{
			{"its certificate", "writer", "", show("writer"), true},
			{"another's certificate", "writer", "", show("reader"), false},
			{"another user", "reader", "", show("writer"), false},
			{"no certificate", "writer", "", ca.Client(), false},
			{"a password beside it", "writer", tlsPassword, show("writer"), false},
		} {
			err := open(t, secured(f, p, c.user, c.password, c.tls)).Exec(t.Context(), "SELECT 1")
			if (err == nil) != c.good {
				t.Errorf("%s: %s: %v", name, c.what, err)
			}
		}
	}
}

func TestFront_SetLogin(t *testing.T) {
	f, ca := openFront(t, clickhouse.Login{Password: "before"}, authority.Server())
	for name, p := range protocols {
		stands := open(t, secured(f, p, "", "before", ca.Client()))
		execute(t, stands, "SELECT 1")
		f.SetLogin(clickhouse.Login{Password: "after"})
		if err := open(t, secured(f, p, "", "before", ca.Client())).Exec(t.Context(), "SELECT 1"); err == nil {
			t.Errorf("%s: the old password still opens", name)
		}
		execute(t, open(t, secured(f, p, "", "after", ca.Client())), "SELECT 1")
		if p == chgo.Native {
			execute(t, stands, "SELECT 1")
		}
		f.SetLogin(clickhouse.Login{Password: "before"})
	}
}

func TestFront_Close(t *testing.T) {
	f, ca := openFront(t, clickhouse.Login{}, authority.Server())
	conn := open(t, secured(f, chgo.Native, "", "", ca.Client()))
	execute(t, conn, "SELECT 1")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("a connection has outlived its front")
	}
	if c, err := net.Dial("tcp", f.NativeAddr()); err == nil {
		c.Close()
		t.Error("the listener has outlived its front")
	}
	execute(t, open(t, options(chgo.Native, "")), "SELECT 1") // the engine goes on
}

func TestServer_OpenRefuses(t *testing.T) {
	_, err := server.Open(t.Context(), clickhouse.FrontConfig{NativeAddr: "0.0.0.0:0", HTTPAddr: "127.0.0.1:0"})
	if err == nil || !strings.Contains(err.Error(), "native address") {
		t.Errorf("got %v", err)
	}
}
