package sink_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/pianola/pianola/sink"
)

// TestOptions_HTTPProxy: a proxy gets a plain CONNECT, and TLS begins in its tunnel. Go never
// takes a proxy of the environment for loopback, so the test sets it in the transport.
func TestOptions_HTTPProxy(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "Ok.") }))
	defer server.Close()
	tunnels := 0
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			t.Errorf("got %s instead of CONNECT", r.Method)
			return
		}
		tunnels++
		to, err := net.Dial("tcp", r.Host)
		if err != nil {
			t.Error(err)
			return
		}
		defer to.Close()
		from, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer from.Close()
		_, _ = io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(to, from) }() // ends when the handler closes both sides
		_, _ = io.Copy(from, to)
	}))
	defer proxy.Close()
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	cfg := sink.Defaults()
	cfg.Protocol, cfg.Addr = sink.HTTP, []string{server.Listener.Addr().String()}
	trusted := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	cfg.TLS = func() *tls.Config { return &tls.Config{RootCAs: trusted} }
	options := sink.Options(cfg)
	for name, through := range map[string]func(*http.Request) (*url.URL, error){"proxy": http.ProxyURL(at), "direct": nil} {
		transport := &http.Transport{Proxy: through, TLSClientConfig: options.TLS}
		sender, err := options.TransportFunc(transport)
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: sender, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		response, err := client.Get(server.URL)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || string(text) != "Ok." {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		transport.CloseIdleConnections()
	}
	if tunnels != 1 {
		t.Errorf("%d tunnels, want 1", tunnels)
	}
}
