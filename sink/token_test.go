package sink_test

import (
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/sandbox/faultproxy"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// TestWriter_WriteLedger_UnknownOutcome: a lost range is written, and its answer is an
// error. Every row of a lost range counts, so the repetition must not add another,
// and no token may hide it.
func TestWriter_WriteLedger_UnknownOutcome(t *testing.T) {
	lost := []schemas.LedgerRow{
		{Source: schemas.SourceKafka, Name: topic, Kind: schemas.LedgerLost, Cause: schemas.LostToRetention, NextOffset: 40, LastOffset: -1},
		{Source: schemas.SourceKafka, Name: topic, Partition: 3, Kind: schemas.LedgerLost, Cause: schemas.LostToRetention, NextOffset: 7, LastOffset: -1},
	}
	for name, place := range map[string]faultproxy.Moment{"before it is written": faultproxy.Before, "after it was written": faultproxy.After} {
		t.Run(name, func(t *testing.T) {
			proxy, err := faultproxy.Start(t.Context(), faultproxy.Config{Native: server.Server(t).NativeAddr(), HTTP: server.Server(t).HTTPAddr()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(proxy.Close)
			d := open(t, sink.Native, func(c *sink.Config) {
				c.Addr = []string{proxy.NativeAddr()}
				c.Retry = sink.Retry{Initial: time.Millisecond, Max: time.Millisecond}
			})
			var inserts atomic.Int32
			t.Cleanup(proxy.Control(func(s faultproxy.Statement) (faultproxy.Fault, bool) {
				if s.Database != d.cfg.Database || s.Verb != "INSERT" {
					return faultproxy.Fault{}, false
				}
				return faultproxy.Fault{At: place, Code: 319}, inserts.Add(1) == 1
			}))
			for range 2 { // the same rows of two calls are rows of their own
				w, err := sink.Open(t.Context(), d.cfg, zap.NewNop(), sink.Hooks{Now: func() time.Time { return time.UnixMilli(int64(d.tick)) }})
				if err != nil {
					t.Fatal(err)
				}
				defer w.Close()
				if err := w.WriteLedger(t.Context(), lost); err != nil {
					t.Fatal(err)
				}
				d.tick++
			}
			d.is("SELECT count() FROM $.ingest_ledger", "(4)")
		})
	}
}
