package sink_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/faultproxy"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/sink"
)

// TestWriter_ExceptionMidway: a server can answer with an exception and close the
// connection while data is still being sent. The writer must report the exception.
// If it reported a broken connection, an error that must stop the process would be
// retried for ever.
func TestWriter_ExceptionMidway(t *testing.T) {
	tier.Full(t, "fails in every place of an insert")
	const denied = 497
	for name, test := range map[string]struct {
		protocol sink.Protocol
		cut      bool
	}{
		"native": {protocol: sink.Native}, "native, and cut": {sink.Native, true},
		"http": {protocol: sink.HTTP}, // ClickHouse reads a request to its end before it answers
	} {
		t.Run(name, func(t *testing.T) {
			proxy, err := faultproxy.Start(t.Context(), faultproxy.Config{Native: server.Server(t).NativeAddr(), HTTP: server.Server(t).HTTPAddr()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(proxy.Close)
			d := open(t, test.protocol, func(c *sink.Config) {
				c.Compression = sink.NoCompression
				c.Addr = []string{proxy.NativeAddr()}
				if test.protocol == sink.HTTP {
					c.Addr = []string{proxy.HTTPAddr()}
				}
			})
			t.Cleanup(proxy.Control(func(s faultproxy.Statement) (faultproxy.Fault, bool) {
				return faultproxy.Fault{At: faultproxy.Midway, Delay: 20 * time.Millisecond, Code: denied, Cut: test.cut}, s.Database == d.cfg.Database && s.Verb == "INSERT"
			}))
			// More blocks than all buffers on the way hold.
			large := &sink.Batch{Parts: slices.Repeat([]*sink.Part{part(0, 0, 5000)}, 30)}
			for range 20 {
				var answered *sink.Error
				if err := d.InsertEvents(t.Context(), large, "large"); !errors.As(err, &answered) || answered.Code != denied {
					t.Fatalf("want code %d: %v", denied, err)
				}
			}
		})
	}
}
