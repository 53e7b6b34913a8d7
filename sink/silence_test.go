package sink_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/sink"
)

// TestWriter_Silence: ClickHouse takes what it is sent and says nothing more, as
// it looks when a network drops packets.
func TestWriter_Silence(t *testing.T) {
	tier.Full(t, "waits for time limits")
	for _, protocol := range []sink.Protocol{sink.Native, sink.HTTP} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Run("an attempt ends at its time bound and the flush continues by itself", func(t *testing.T) {
				line := new(line)
				d := open(t, protocol, func(c *sink.Config) {
					line.to(t, c)
					c.InsertTimeout = time.Second
				})
				w := line.writer(t, d.cfg, sink.Hooks{OnRetry: func(sink.Class, int32) { line.speak(t) }})
				if _, err := w.Flush(t.Context(), &sink.Batch{Token: "1", Parts: []*sink.Part{part(0, 0, 5)}}); err != nil {
					t.Fatal(err)
				}
				line.fallSilent(t)
				stats, err := w.Flush(t.Context(), &sink.Batch{Token: "2", Parts: []*sink.Part{part(0, 5, 20)}})
				if err != nil || stats.Attempts < 2 || stats.Rows != 15 {
					t.Fatalf("%+v, %v", stats, err)
				}
				// Over HTTP the first attempt's rows are in, and only its
				// acknowledgement is lost: they are there twice until a merge, and once
				// for readers.
				d.is("SELECT count() FROM $.piano_subscriber_event_stream", "(20)")
				d.is("SELECT count(DISTINCT insert_token, source_partition) FROM $.ingest_ledger", "(2)")
			})
			t.Run("a context that ends is obeyed", func(t *testing.T) {
				line := new(line)
				d := open(t, protocol, func(c *sink.Config) {
					line.to(t, c)
					c.InsertTimeout = time.Hour
				})
				w := line.writer(t, d.cfg, sink.Hooks{})
				if _, err := w.Flush(t.Context(), &sink.Batch{Token: "1", Parts: []*sink.Part{part(0, 0, 5)}}); err != nil {
					t.Fatal(err)
				}
				line.fallSilent(t)
				ctx, cancel := context.WithCancel(t.Context())
				defer time.AfterFunc(300*time.Millisecond, cancel).Stop()
				_, err := w.Flush(ctx, &sink.Batch{Token: "2", Parts: []*sink.Part{part(0, 5, 20)}})
				var fatal *sink.Error
				if !errors.Is(err, context.Canceled) || errors.As(err, &fatal) {
					t.Fatal(err)
				}
				line.speak(t)
			})
		})
	}
}

// line is a TCP proxy between a writer and the engine.
type line struct {
	proxy  *toxiproxy.Proxy
	silent bool
}

// to puts the proxy before the address of a configuration.
func (l *line) to(t *testing.T, c *sink.Config) {
	l.proxy = toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "line", "127.0.0.1:0", c.Addr[0])
	if err := l.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.proxy.Stop)
	c.Addr = []string{l.proxy.Listen}
}

func (l *line) writer(t *testing.T, cfg sink.Config, hooks sink.Hooks) *sink.Writer {
	w, err := sink.Open(t.Context(), cfg, zap.NewNop(), hooks)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func (l *line) fallSilent(t *testing.T) {
	if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(`{"name":"silence","type":"timeout","stream":"downstream"}`)); err != nil {
		t.Error(err)
	}
	l.silent = true
}

func (l *line) speak(t *testing.T) {
	if !l.silent {
		return
	}
	l.silent = false
	if err := l.proxy.Toxics.RemoveToxic(t.Context(), "silence"); err != nil {
		t.Error(err)
	}
}
