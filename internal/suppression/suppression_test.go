package suppression_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/internal/suppression"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

var server engine.Engine

func TestMain(m *testing.M) { os.Exit(server.Run(m)) }

const refresh = 10 * time.Second

// process is a process that obeys the list.
type process struct {
	*testing.T
	table   string
	direct  driver.Conn // of pianola erase
	conn    *faulty     // of the process
	now     time.Time
	rules   *transform.Rules
	list    *suppression.List
	entries int // at the last look
}

// faulty is a connection that breaks.
type faulty struct {
	driver.Conn
	looking, reading error // of the look at the table's state, and of reading the entries
	looks            int
}

func (f *faulty) QueryRow(ctx context.Context, query string, args ...any) driver.Row {
	if f.looks++; f.looking != nil {
		return brokenRow{f.looking}
	}
	return f.Conn.QueryRow(ctx, query, args...)
}

func (f *faulty) Query(ctx context.Context, query string, args ...any) (driver.Rows, error) {
	if f.reading != nil {
		return nil, f.reading
	}
	return f.Conn.Query(ctx, query, args...)
}

type brokenRow struct{ err error }

func (r brokenRow) Err() error           { return r.err }
func (r brokenRow) Scan(...any) error    { return r.err }
func (r brokenRow) ScanStruct(any) error { return r.err }

var errDown = &net.OpError{Op: "dial", Err: errors.New("connection refused")}

func key(t *testing.T, secret string) *transform.SuppressionKey {
	t.Helper()
	k, err := transform.NewSuppressionKey(secret + strings.Repeat("x", transform.MinSuppressionKey))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func start(t *testing.T, conn driver.Conn, o schemas.Options, keys ...*transform.SuppressionKey) *process {
	t.Helper()
	rules, err := transform.New(transform.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	p := &process{T: t, table: o.Table("suppressions"), direct: conn, conn: &faulty{Conn: conn}, now: time.Unix(1_800_000_000, 0), rules: rules, entries: -1}
	p.list = suppression.New(suppression.Deps{
		Conn: p.conn, Tables: o, Keys: keys, Rules: rules, Refresh: refresh, Now: func() time.Time { return p.now }, Log: zap.NewNop(),
		OnRead: func(n int) { p.entries = n },
	})
	return p
}

// erased puts users on the list.
func (p *process) erased(k *transform.SuppressionKey, users ...string) {
	p.Helper()
	for _, user := range users {
		e := k.Entry(transform.SuppressedUser, user)
		p.insert(k.ID(), hex.EncodeToString(e.Hash[:]), e.Tag)
	}
}

func (p *process) insert(id, hash string, tag uint64) {
	p.Helper()
	if err := p.direct.Exec(p.Context(), fmt.Sprintf("INSERT INTO %s (key_id, hash, tag, kind) VALUES ('%s', '%s', %d, 'user')", p.table, id, hash, tag)); err != nil {
		p.Fatal(err)
	}
}

// later passes the time after which the list is looked at again.
func (p *process) later() { p.now = p.now.Add(refresh) }

// bind begins work.
func (p *process) bind() context.Context {
	p.Helper()
	bound, err := p.list.Bind(p.Context(), p.Context())
	if err != nil {
		p.Fatal(err)
	}
	return bound
}

// wants fails unless an attempt to write ends so. nil: it may write.
func (p *process) wants(bound context.Context, want error) {
	p.Helper()
	if err := p.list.Check(bound); !errors.Is(err, want) {
		p.Errorf("got %v, want %v", err, want)
	}
}

// obeys fails unless exactly the users that are given are on the list in force.
func (p *process) obeys(users string) {
	p.Helper()
	var on []string
	for _, user := range []string{"a", "b", "c"} {
		if p.rules.Suppressed("", user) {
			on = append(on, user)
		}
	}
	if got := strings.Join(on, ""); got != users {
		p.Errorf("it obeys %q, want %q", got, users)
	}
}

// TestList has its cases in one database, each with an empty list.
func TestList(t *testing.T) {
	conn, o := server.Database(t)
	t.Run("a writer", func(t *testing.T) { flushes(t, conn, o) })
	k, other := key(t, "first"), key(t, "second")
	for name, test := range map[string]func(*process){
		"a change is seen after the refresh": func(p *process) {
			bound := p.bind()
			p.wants(bound, nil)
			p.erased(k, "a")
			p.wants(bound, nil) // the last look is young enough
			if p.conn.looks != 1 || p.entries != 0 {
				p.Errorf("%d looks, %d entries", p.conn.looks, p.entries)
			}
			p.later()
			p.wants(bound, sink.ErrOutdated)
			p.obeys("a")
			p.wants(bound, sink.ErrOutdated) // for good
			p.wants(p.Context(), nil)        // prepared by nothing
			bound = p.bind()
			p.wants(bound, nil)
			p.erased(k, "a") // an entry twice is no change
			p.later()
			p.wants(bound, nil)
			if p.entries != 1 {
				p.Errorf("%d entries", p.entries)
			}
		},
		"the list is empty again": func(p *process) {
			p.erased(k, "a")
			bound := p.bind()
			p.exec("TRUNCATE TABLE " + p.table)
			p.later()
			p.wants(bound, sink.ErrOutdated)
			p.obeys("")
		},
		"a change while ClickHouse is down": func(p *process) {
			p.erased(k, "a")
			bound := p.bind()
			p.conn.looking, p.conn.reading = errDown, errDown
			p.wants(bound, nil) // within the refresh: the bound of an erasure counts with it
			p.later()
			for range 3 {
				p.wants(bound, errDown)
			}
			p.obeys("a")
			p.erased(k, "b")
			p.conn.looking = nil // the state is seen, and the entries cannot be read
			for range 2 {
				p.wants(bound, errDown)
			}
			p.obeys("a")
			p.conn.reading = nil
			p.wants(bound, sink.ErrOutdated)
			p.obeys("ab")
			p.wants(p.bind(), nil)
		},
		"down when work begins": func(p *process) {
			p.erased(k, "a")
			p.conn.looking = errDown
			if _, err := p.list.Bind(p.Context(), p.Context()); !errors.Is(err, errDown) || errors.Is(err, sink.ErrBlocked) {
				p.Errorf("got %v", err)
			}
			p.wants(p.Context(), errDown) // nothing may be written before the first look
			p.conn.looking = nil
			p.wants(p.bind(), nil)
			p.obeys("a")
		},
		"the table is gone": func(p *process) {
			bound := p.bind()
			away := strings.ReplaceAll(p.table, "suppressions", "suppressions_away")
			p.exec("RENAME TABLE " + p.table + " TO " + away)
			defer p.exec("RENAME TABLE " + away + " TO " + p.table)
			p.later()
			if err := p.list.Check(bound); err == nil || errors.Is(err, sink.ErrOutdated) || errors.Is(err, sink.ErrBlocked) || !strings.Contains(err.Error(), "look at the suppression list: code: 60") {
				p.Errorf("got %v", err)
			}
		},
		"a hash is damaged": func(p *process) {
			p.insert(k.ID(), "abc", 1)
			p.wants(p.Context(), sink.ErrBlocked)
			p.obeys("")
		},
		"entries of two keys": func(p *process) {
			p.erased(k, "a")
			p.erased(other, "b", "c")
			p.bind()
			p.obeys("abc")
			if p.entries != 3 {
				p.Errorf("%d entries", p.entries)
			}
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			p := start(t, conn, o, k, other, k)
			p.exec("TRUNCATE TABLE " + p.table)
			test(p)
		})
	}
	t.Run("keys", func(t *testing.T) {
		p := start(t, conn, o, k)
		p.exec("TRUNCATE TABLE " + p.table)
		p.wants(start(t, conn, o).bind(), nil) // an empty list needs no key
		p.erased(other, "b")
		for _, keys := range [][]*transform.SuppressionKey{nil, {k}} {
			want := map[int]error{0: suppression.ErrNoKey, 1: suppression.ErrOtherKey}[len(keys)]
			one := start(t, conn, o, keys...)
			_, err := one.list.Bind(t.Context(), t.Context())
			for _, err := range []error{err, one.list.Check(t.Context()), suppression.CheckKeys(t.Context(), conn, o, keys)} {
				if !errors.Is(err, want) || !errors.Is(err, sink.ErrBlocked) || !strings.Contains(err.Error(), other.ID()) {
					t.Errorf("%d keys: got %v", len(keys), err)
				}
			}
		}
		if err := suppression.CheckKeys(t.Context(), conn, o, []*transform.SuppressionKey{k, other}); err != nil {
			t.Error(err)
		}
	})
}

// flushes has an event whose user is erased before it is written, and between
// the tables of the flush. The offsets are not committed, so the message is read again.
func flushes(t *testing.T, conn driver.Conn, o schemas.Options) {
	k := key(t, "first")
	flush := func(t *testing.T, hooks func(*process) sink.Hooks) (*process, error) {
		p := start(t, conn, o, k)
		for _, table := range []string{"suppressions", "subscription_events", "ingest_ledger"} {
			p.exec("TRUNCATE TABLE " + o.Table(table))
		}
		bound := p.bind()
		cfg := sink.Defaults()
		cfg.Addr, cfg.Database, cfg.User, cfg.Password = []string{server.Server(t).NativeAddr()}, o.Database, engine.User, engine.Password
		cfg.Retry = sink.Retry{Initial: time.Millisecond, Max: time.Millisecond}
		h := hooks(p)
		h.Gate = p.list.Check
		w, err := sink.Open(t.Context(), cfg, zap.NewNop(), h)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = w.Close() }() // Flush has returned
		part := &sink.Part{Chunk: sink.NewChunk(), Ledger: schemas.LedgerRow{Source: schemas.SourceKafka, Name: "events", NextOffset: 1, Messages: 1, Stored: 1}}
		part.Chunk.Append(&schemas.Event{SubscriptionID: []byte("s"), UserID: []byte("a")}, schemas.Coordinates{Source: schemas.SourceKafka, Name: "events"}, 1)
		_, err = w.Flush(bound, &sink.Batch{Token: "t", Parts: []*sink.Part{part}})
		return p, err
	}
	rows := func(p *process, table string) (n uint64) {
		p.Helper()
		if err := conn.QueryRow(p.Context(), "SELECT count() FROM "+o.Table(table)).Scan(&n); err != nil {
			p.Fatal(err)
		}
		return n
	}
	t.Run("while_ClickHouse_is_down", func(t *testing.T) {
		failed := 0
		p, err := flush(t, func(p *process) sink.Hooks {
			p.later()
			p.conn.looking = errDown
			return sink.Hooks{OnRetry: func(sink.Class, int32) {
				if failed++; failed == 3 {
					p.erased(k, "a")
					p.conn.looking = nil
				}
			}}
		})
		if !errors.Is(err, sink.ErrOutdated) || failed != 3 {
			t.Errorf("got %v after %d failed attempts", err, failed)
		}
		p.obeys("a")
		if events, ledger := rows(p, "subscription_events"), rows(p, "ingest_ledger"); events+ledger != 0 {
			t.Errorf("%d events, %d rows of the ledger", events, ledger)
		}
	})
	t.Run("between_the_tables", func(t *testing.T) {
		p, err := flush(t, func(p *process) sink.Hooks {
			return sink.Hooks{OnInsert: func(table string, _, _ int, _ time.Duration) {
				if table == sink.EventsTable {
					p.erased(k, "a")
					p.later()
				}
			}}
		})
		if !errors.Is(err, sink.ErrOutdated) {
			t.Errorf("got %v", err)
		}
		if events, ledger := rows(p, "subscription_events"), rows(p, "ingest_ledger"); events != 1 || ledger != 0 {
			t.Errorf("%d events, which the erasure deletes, and %d rows of the ledger", events, ledger)
		}
	})
}

func (p *process) exec(statement string) {
	p.Helper()
	if err := p.direct.Exec(p.Context(), statement); err != nil {
		p.Fatalf("%s: %v", statement, err)
	}
}
