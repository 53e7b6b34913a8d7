package sink_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/sink"
)

// behind opens a database over HTTP behind a handler that may pass requests on.
func behind(t *testing.T, handler func(pass http.Handler) http.HandlerFunc) *database {
	t.Helper()
	target := &url.URL{Scheme: "http", Host: server.Server(t).HTTPAddr()}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	front := httptest.NewServer(handler(pass))
	t.Cleanup(front.Close)
	return open(t, sink.HTTP, func(c *sink.Config) {
		c.Addr = []string{front.Listener.Addr().String()}
		c.Retry = sink.Retry{Initial: time.Millisecond, Max: time.Millisecond}
	})
}

// TestWriter_ProxyLimitsBodies: a proxy refuses requests above a size, as nginx does
// above 1 MiB by default.
func TestWriter_ProxyLimitsBodies(t *testing.T) {
	var refused atomic.Int32
	limited := func(limit int) func(http.Handler) http.HandlerFunc {
		return func(pass http.Handler) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil || len(body) > limit {
					refused.Add(1)
					http.Error(w, "<html>413 Request Entity Too Large</html>", http.StatusRequestEntityTooLarge)
					return
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
				pass.ServeHTTP(w, r)
			}
		}
	}
	t.Run("inserts are divided, and the log says what to do", func(t *testing.T) {
		d := behind(t, limited(40<<10))
		w, logs, _ := d.watched()
		p := part(0, 0, 5000)
		for offset := range int64(1500) {
			failing(p, 5000+offset)
			p.DeadLetters[offset].Payload = strings.Repeat("x", 100)
			p.DeadLetters[offset].PayloadSHA256 = bytes.Repeat([]byte{byte(offset), byte(offset >> 8)}, 16)
		}
		p.Ledger.NextOffset = 6500
		if _, err := w.Flush(t.Context(), &sink.Batch{Token: "t", Parts: []*sink.Part{p}}); err != nil {
			t.Fatal(err)
		}
		d.is("SELECT count() FROM $.piano_subscriber_event_stream", "(5000)")
		d.is("SELECT count() FROM $.dead_letters", "(1500)")
		d.is("SELECT count() FROM $.ingest_ledger", "(1)")
		lines := logs.FilterMessage(sink.LogInsertHalved).All()
		if len(lines) == 0 || !strings.Contains(lines[0].ContextMap()["error"].(string), "client_max_body_size") {
			t.Errorf("logged %v", lines)
		}
		// The next flush knows the limit.
		before := refused.Load()
		if _, err := w.Flush(t.Context(), &sink.Batch{Token: "next", Parts: []*sink.Part{part(0, 6500, 11_500)}}); err != nil {
			t.Fatal(err)
		}
		if n := refused.Load() - before; n > 1 {
			t.Errorf("the proxy refused %d requests of the next flush", n)
		}
	})
	t.Run("one row too large stops with a hint", func(t *testing.T) {
		d := behind(t, limited(200))
		_, err := d.Flush(t.Context(), &sink.Batch{Token: "t", Parts: []*sink.Part{part(0, 0, 3)}})
		var fatal *sink.Error
		if !errors.As(err, &fatal) || fatal.Class != sink.ClassFatal || fatal.Status != http.StatusRequestEntityTooLarge ||
			!strings.Contains(err.Error(), "client_max_body_size") {
			t.Fatal(err)
		}
	})
}

// TestWriter_Ingress: an ingress without a server behind it answers by itself for a
// while.
func TestWriter_Ingress(t *testing.T) {
	tier.Full(t, "waits for retries")
	for _, status := range []int{404, 429, 502, 503, 504} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			var answered atomic.Int32
			d := behind(t, func(pass http.Handler) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					if answered.Add(1) <= 4 {
						http.Error(w, "<html>default backend</html>", status)
						return
					}
					pass.ServeHTTP(w, r)
				}
			})
			if stats := d.flush(&sink.Batch{Token: "t", Parts: []*sink.Part{part(0, 0, 3)}}); stats.Attempts < 2 {
				t.Errorf("%+v", stats)
			}
			d.is("SELECT count() FROM $.subscription_events", "(3)")
		})
	}
}

// TestWriter_Redirect: the password must not go to another server.
func TestWriter_Redirect(t *testing.T) {
	tier.Full(t, "takes seconds on real servers")
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			var followed atomic.Int32
			other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
			defer other.Close()
			for _, compression := range []sink.Compression{sink.LZ4, sink.NoCompression} {
				d := behind(t, func(http.Handler) http.HandlerFunc {
					return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL+r.URL.Path, status) }
				})
				d.cfg.Compression = compression
				w, _, _ := d.watched()
				var fatal *sink.Error
				_, err := w.Flush(t.Context(), &sink.Batch{Token: "t", Parts: []*sink.Part{part(0, 0, 3)}})
				if !errors.As(err, &fatal) || fatal.Class != sink.ClassFatal || fatal.Status != status || !strings.Contains(err.Error(), "redirects") {
					t.Errorf("%v", err)
				}
			}
			if followed.Load() != 0 {
				t.Error("a redirect was followed")
			}
		})
	}
}

// TestWriter_MuteAddresses: an address accepts connections and says nothing. It must
// not use up the time of the others.
func TestWriter_MuteAddresses(t *testing.T) {
	tier.Full(t, "waits for mute addresses")
	for _, protocol := range []sink.Protocol{sink.Native, sink.HTTP} {
		t.Run(string(protocol), func(t *testing.T) {
			d := open(t, protocol, func(c *sink.Config) {
				c.Addr = append([]string{testbed.Mute(t), testbed.Mute(t)}, c.Addr...)
				c.DialTimeout = 3 * time.Second
			})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if err := d.Ping(ctx); err != nil {
				t.Errorf("the third address answers: %v", err)
			}
			cfg := d.cfg
			cfg.Addr = cfg.Addr[:2]
			w, err := sink.Open(t.Context(), cfg, zap.NewNop(), sink.Hooks{})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			bounded, end := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer end()
			begin := time.Now()
			if err := w.Ping(bounded); err == nil || time.Since(begin) > 2*time.Second {
				t.Errorf("after %s: %v", time.Since(begin), err)
			}
		})
	}
}

// TestWriter_SlowAddresses: each address has the whole clickhouse.dial_timeout. A share
// of it would be too short for a server that answers slowly, at every attempt.
func TestWriter_SlowAddresses(t *testing.T) {
	tier.Full(t, "waits for slow servers")
	for _, protocol := range []sink.Protocol{sink.Native, sink.HTTP} {
		t.Run(string(protocol), func(t *testing.T) {
			slow := new(line)
			d := open(t, protocol, func(c *sink.Config) {
				slow.to(t, c)
				c.Addr = append(c.Addr, c.Addr[0], c.Addr[0])
				c.DialTimeout = time.Second
			})
			if _, err := slow.proxy.Toxics.AddToxicJson(strings.NewReader(
				`{"name":"slow","type":"latency","stream":"downstream","attributes":{"latency":450}}`)); err != nil {
				t.Fatal(err)
			}
			w := slow.writer(t, d.cfg, sink.Hooks{})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if _, err := w.Positions(ctx, "topic", []int32{0}); err != nil {
				t.Error(err)
			}
		})
	}
}
