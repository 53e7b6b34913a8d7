package sink_test

import (
	"errors"
	"slices"
	"testing"

	clickhouse "github.com/pianola/pianola/internal/sandbox/front"
	"github.com/pianola/pianola/sink"
)

// TestWriter_HeardOut: a server that answers with an exception and closes the
// connection in the middle of the data is heard, though the data can no longer be
// written. Taken for a broken connection, what must stop the process would be tried
// again for ever.
func TestWriter_HeardOut(t *testing.T) {
	const denied = 497
	for name, test := range map[string]struct {
		protocol sink.Protocol
		cut      bool
	}{
		"native": {protocol: sink.Native}, "native, and cut": {sink.Native, true},
		"http": {protocol: sink.HTTP}, // ClickHouse reads a request to its end before it answers
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, test.protocol, func(c *sink.Config) { c.Compression = sink.NoCompression })
			server, err := engine()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(server.Control(func(s clickhouse.Statement) (clickhouse.Fault, bool) {
				return clickhouse.Fault{At: clickhouse.Midway, Code: denied, Cut: test.cut}, s.Database == d.cfg.Database && s.Verb == "INSERT"
			}))
			// Blocks enough that no buffer on the way holds them all.
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
