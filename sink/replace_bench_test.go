package sink_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// BenchmarkReplace replays 100,000 messages of a table of two million events, by the same
// rules and by rules under which each message gives another event.
//
//	go test -run '^$' -bench 'BenchmarkReplace$' -benchtime 3x ./sink
func BenchmarkReplace(b *testing.B) {
	const rows, chunk = 2_000_000, 100_000
	conn, o := server.Database(b)
	w := writerFor(b, o.Database)
	fill := func(from, to int64, shift schemas.Millis) *sink.Part {
		p := part(0, 0, 0)
		p.Ledger.StartOffset, p.Ledger.NextOffset, p.Ledger.JobID = from, to, "bench"
		for offset := from; offset < to; offset++ {
			e := spread(offset, shift)
			p.Chunk.Append(e, at(0, offset), schemas.KafkaVersion(1_740_000_000_000+schemas.Millis(offset), offset))
			p.Ledger.Stored++
			p.Ledger.Messages++
		}
		return p
	}
	for from := int64(0); from < rows; from += 2 * chunk {
		if _, err := w.Flush(b.Context(), &sink.Batch{Token: "fill", Parts: []*sink.Part{fill(from, from+2*chunk, 0)}}); err != nil {
			b.Fatal(err)
		}
	}
	if err := conn.Exec(b.Context(), "OPTIMIZE TABLE "+o.Table("subscription_events")+" FINAL"); err != nil {
		b.Fatal(err)
	}
	for _, shift := range []schemas.Millis{0, 3_600_000} {
		name := "unchanged"
		if shift != 0 {
			name = "moved"
		}
		b.Run(name, func(b *testing.B) {
			from := int64(0)
			for b.Loop() {
				p := fill(from, from+chunk, shift)
				start := time.Now()
				stats, err := w.Replace(b.Context(), &sink.Replacement{Part: p,
					Claims: func(context.Context, []sink.Departure) (map[schemas.EventID][]sink.Claim, error) { return nil, nil }})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(chunk/time.Since(start).Seconds(), "messages/s")
				if want := map[bool]int{false: 0, true: chunk}[shift != 0]; stats.Rows != want || stats.Markers != want {
					b.Fatalf("%+v", stats)
				}
				from += chunk
			}
		})
	}
}

// spread is an event of one of 200,000 subscriptions over two years, a day later in each
// few thousand offsets. shift moves it to another identity.
func spread(offset int64, shift schemas.Millis) *schemas.Event {
	e := identityOf(fmt.Sprintf("RC%012x", uint64(offset)*0x9e3779b97f4a7c15>>16%200_000),
		1_700_000_000_000+schemas.Millis(offset)*31_000+shift)
	e.EventName, e.ResourceName, e.TermType, e.TermName = []byte("subscription_event"), []byte("Digital"), []byte("payment"), []byte("Monthly")
	e.UserEmailHashSHA256 = fmt.Appendf(nil, "%064x", uint64(offset)*0x9e3779b97f4a7c15)
	e.NextBilledAt = schemas.NullMillis{Millis: e.EventTimestamp + 30*86_400_000, Valid: true}
	return e
}

// writerFor is a writer to a database of the engine.
func writerFor(b *testing.B, database string) *sink.Writer {
	b.Helper()
	cfg := sink.Defaults()
	cfg.Addr, cfg.Database, cfg.User, cfg.Password = []string{server.Server(b).NativeAddr()}, database, engine.User, engine.Password
	w, err := sink.Open(b.Context(), cfg, zap.NewNop(), sink.Hooks{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = w.Close() })
	return w
}
