package sink_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/sandbox/faultproxy"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// changing is a stream with a change of every kind, over three months and two partitions.
func changing() (before, after map[schemas.Coordinates]gives) {
	stored := func(event, text string) gives { return gives{event: event, text: text} }
	dead := gives{other: "dead", text: "bad"}
	before = events(stored("A", "1"), stored("B", "2"), stored("C", "3"), stored("D", "4"), dead, dead,
		stored("E", "7"), stored("E", "8"), stored("F", "9"), stored("H", "10"), stored("H", "11"))
	before[at(1, 0)], before[at(1, 1)] = stored("K", "1"), stored("L", "2")
	after = with(before, map[int64]gives{0: stored("B", "1"), 1: stored("A", "two"), 2: stored("c", "3"), 3: dead, 4: stored("D", "5"),
		7: stored("G", "8"), 8: {other: "filtered", text: "F"}, 10: stored("M", "11")})
	return before, after
}

// texts are the events that a reader sees, without their other columns.
func (s *replayed) texts() []string {
	var names []string
	for _, row := range s.shown() {
		name, _, _ := strings.Cut(row, "=")
		names = append(names, name)
	}
	return names
}

// TestWriter_Replace_Interrupted ends a replacement at each of its writes, before and after
// the server has executed it, and repeats it. No event that is there before and after may
// be missing in between, and the repetition ends with the same tables.
func TestWriter_Replace_Interrupted(t *testing.T) {
	tier.Full(t, "replays once for each write")
	proxy, err := faultproxy.Start(t.Context(), faultproxy.Config{Native: server.Server(t).NativeAddr(), HTTP: server.Server(t).HTTPAddr()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	each(t, func(t *testing.T, d *database) {
		before, after := changing()
		window := []span{{0, 0, 11}, {1, 0, 2}}
		reached := map[string]bool{}
		for _, moment := range []faultproxy.Moment{faultproxy.Before, faultproxy.After} {
			for n, ended := 1, false; !ended; n++ {
				s := replaying(d.in(t))
				s.empty()
				s.consume(0, 0, 11, before)
				s.consume(1, 0, 2, before)
				ctx, cancel := context.WithCancel(t.Context())
				var statements atomic.Int32
				var table atomic.Value
				remove := proxy.Control(func(st faultproxy.Statement) (faultproxy.Fault, bool) {
					if st.Database != d.cfg.Database || st.Verb != "INSERT" || statements.Add(1) != int32(n) {
						return faultproxy.Fault{}, false
					}
					table.Store(st.Table)
					time.AfterFunc(20*time.Millisecond, cancel)
					return faultproxy.Fault{At: moment, Hang: true}, true
				})
				cfg := d.cfg
				cfg.Addr = []string{proxy.NativeAddr()}
				if cfg.Protocol == sink.HTTP {
					cfg.Addr = []string{proxy.HTTPAddr()}
				}
				w, err := sink.Open(ctx, cfg, zap.NewNop(), sink.Hooks{Now: func() time.Time { return time.UnixMilli(int64(d.tick)) }})
				if err != nil {
					t.Fatal(err)
				}
				j := s.job(after, window...)
				ended = true
				for _, chunk := range window {
					if _, err := w.Replace(ctx, j.replacement(w, chunk)); err != nil {
						if !errors.Is(err, context.Canceled) {
							t.Fatalf("write %d: %v", n, err)
						}
						ended = false
						break
					}
				}
				_ = w.Close()
				remove()
				cancel()
				if at, ok := table.Load().(string); ok {
					reached[at] = true
				}
				// A, B, D, E, H, K and L are there before and after.
				seen := s.texts()
				for _, event := range []string{"A", "B", "D", "E", "H", "K", "L"} {
					if !slices.Contains(seen, event) {
						t.Fatalf("interrupted at write %d, moment %d: event %s is missing: %q", n, moment, event, seen)
					}
				}
				j.run(100)
				s.check(t, fmt.Sprintf("interrupted at write %d, moment %d, and repeated", n, moment))
				s.unchanged(t, j, 100)
			}
		}
		for _, table := range []string{"subscription_events", "filtered_subscriptions", "dead_letters", "replay_claims", "ingest_ledger"} {
			if !reached[table] {
				t.Errorf("no interruption at %s: %v", table, slices.Collect(maps.Keys(reached)))
			}
		}
	})
}

// TestWriter_Replace_InsertDivided ends a replacement when half of its event rows are in the table.
func TestWriter_Replace_InsertDivided(t *testing.T) {
	tier.Full(t, "replays once for each half")
	proxy, err := faultproxy.Start(t.Context(), faultproxy.Config{Native: server.Server(t).NativeAddr(), HTTP: server.Server(t).HTTPAddr()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	d := open(t, sink.Native, nil)
	before, after := changing()
	for halves := 1; halves <= 4; halves++ {
		s := replaying(d.in(t))
		s.empty()
		s.consume(0, 0, 11, before)
		s.consume(1, 0, 2, before)
		ctx, cancel := context.WithCancel(t.Context())
		var inserts atomic.Int32
		remove := proxy.Control(func(st faultproxy.Statement) (faultproxy.Fault, bool) {
			if st.Database != d.cfg.Database || st.Verb != "INSERT" || st.Table != sink.EventsTable {
				return faultproxy.Fault{}, false
			}
			return faultproxy.Fault{Code: 241}, inserts.Add(1) <= 2 // out of memory, twice
		})
		cfg := d.cfg
		cfg.Addr = []string{proxy.NativeAddr()}
		stored := 0
		w, err := sink.Open(ctx, cfg, zap.NewNop(), sink.Hooks{
			Now: func() time.Time { return time.UnixMilli(int64(d.tick)) },
			OnInsert: func(table string, _, _ int, _ time.Duration) {
				if table == sink.EventsTable {
					if stored++; stored == halves {
						cancel()
					}
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		j := s.job(after, span{0, 0, 11})
		if _, err := w.Replace(ctx, j.replacement(w, span{0, 0, 11})); !errors.Is(err, context.Canceled) {
			t.Fatalf("%d halves: %v", halves, err)
		}
		_ = w.Close()
		remove()
		cancel()
		seen := s.texts()
		for _, event := range []string{"A", "B", "D", "E", "H", "K", "L"} {
			if !slices.Contains(seen, event) {
				t.Fatalf("after %d halves event %s is missing: %q", halves, event, seen)
			}
		}
		j.run(100)
		s.check(t, fmt.Sprintf("after %d halves, and repeated", halves))
		s.unchanged(t, j, 100)
	}
}

// TestWriter_Replace_ReaderMissesNothing polls the view while a stream is replayed there and
// back. Three of four events are given by either rule, some of them by other messages: the
// reader sees each exactly once. The others move: it sees each of them once, or twice for
// an instant.
func TestWriter_Replace_ReaderMissesNothing(t *testing.T) {
	tier.Full(t, "polls for a while")
	d := open(t, sink.Native, nil)
	s := replaying(d)
	const n = 400
	name := func(class string, i int64) string { return fmt.Sprintf("%s%d", class, i) }
	before, after := map[schemas.Coordinates]gives{}, map[schemas.Coordinates]gives{}
	for i := range int64(n) {
		c := at(0, i)
		switch i % 4 {
		case 0:
			before[c], after[c] = gives{event: name("stays", i), text: "1"}, gives{event: name("stays", i), text: "2"}
		case 1: // two messages change places
			before[c], after[c] = gives{event: name("stays", i), text: "1"}, gives{event: name("stays", i+1), text: "2"}
		case 2:
			before[c], after[c] = gives{event: name("stays", i), text: "1"}, gives{event: name("stays", i-1), text: "2"}
		default:
			before[c], after[c] = gives{event: name("moves", i), text: "1"}, gives{event: name("moves", i+n), text: "2"}
		}
	}
	s.consume(0, 0, n, before)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	conn := server.Connect(t)
	polled := make(chan error, 1)
	polls := 0
	go func() {
		for ctx.Err() == nil {
			var stay, move uint64
			err := conn.QueryRow(context.WithoutCancel(ctx), fmt.Sprintf(`SELECT countIf(startsWith(subscription_id, 'sub-stays')),
				countIf(startsWith(subscription_id, 'sub-moves')) FROM %s.piano_subscriber_event_stream`, d.cfg.Database)).Scan(&stay, &move)
			if err == nil && (stay != 3*n/4 || move < n/4 || move > n/2) {
				err = fmt.Errorf("%d events that stay, want %d; %d that move, want %d to %d", stay, 3*n/4, move, n/4, n/2)
			}
			if err != nil {
				polled <- err
				return
			}
			polls++
		}
		polled <- nil
	}()
	for range 3 {
		s.job(after, span{0, 0, n}).run(90)
		s.check(t, "there")
		s.job(before, span{0, 0, n}).run(70)
		s.check(t, "and back")
	}
	cancel()
	if err := <-polled; err != nil {
		t.Fatal(err)
	}
	if polls < 10 {
		t.Errorf("only %d polls", polls)
	}
}
