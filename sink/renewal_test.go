package sink_test

import (
	"crypto/tls"
	"crypto/x509"
	"sync/atomic"
	"testing"

	"github.com/pianola/pianola/internal/sandbox/authority"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/internal/sandbox/tlsproxy"
	"github.com/pianola/pianola/sink"
)

// TestWriter_RenewedAuthority replaces the server's certificate, and the authority that the
// client trusts, between two flushes. The server also closes its connections, as for a
// restart.
func TestWriter_RenewedAuthority(t *testing.T) {
	tier.Full(t, "takes seconds on real servers")
	for _, protocol := range []sink.Protocol{sink.Native, sink.HTTP} {
		t.Run(string(protocol), func(t *testing.T) {
			var trusted atomic.Pointer[x509.CertPool]
			serve := func(addr, target string) *tlsproxy.Proxy {
				ca, err := authority.New("example authority")
				if err != nil {
					t.Fatal(err)
				}
				certificate, err := ca.Issue(authority.Server())
				if err != nil {
					t.Fatal(err)
				}
				trusted.Store(ca.Pool())
				proxy, err := tlsproxy.Listen(t.Context(), addr, target, certificate.Server())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = proxy.Close() })
				return proxy
			}
			var proxy *tlsproxy.Proxy
			var target string
			d := open(t, protocol, func(cfg *sink.Config) {
				target = cfg.Addr[0]
				proxy = serve("127.0.0.1:0", target)
				cfg.Addr = []string{proxy.Addr()}
				cfg.TLS = func() *tls.Config { return &tls.Config{RootCAs: trusted.Load()} }
			})
			d.flush(&sink.Batch{Token: "t", Parts: []*sink.Part{part(0, 0, 3)}})
			if err := proxy.Close(); err != nil {
				t.Fatal(err)
			}
			serve(proxy.Addr(), target)
			d.flush(&sink.Batch{Token: "t", Parts: []*sink.Part{part(0, 3, 5)}})
			d.is("SELECT count() FROM $.subscription_events", "(5)")
			d.is("SELECT sum(stored) FROM $.ingest_ledger", "(5)")
		})
	}
}
