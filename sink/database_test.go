package sink_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/twmb/murmur3"
	"go.uber.org/zap/zaptest"

	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// database is a fresh schema in the real engine, and a writer to it.
type database struct {
	*sink.Writer
	t    *testing.T
	sql  driver.Conn
	cfg  sink.Config
	tick schemas.Millis // what the writer's clock shows
}

// each runs a test over both protocols.
func each(t *testing.T, test func(*testing.T, *database)) {
	for _, protocol := range []sink.Protocol{sink.Native, sink.HTTP} {
		t.Run(string(protocol), func(t *testing.T) { test(t, open(t, protocol, nil)) })
	}
}

func open(t *testing.T, protocol sink.Protocol, adjust func(*sink.Config)) *database {
	t.Helper()
	name := strings.ToLower(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, t.Name()))
	d := &database{t: t, tick: 1_750_000_000_000, cfg: sink.Defaults()}
	d.cfg.Protocol, d.cfg.Database, d.cfg.User, d.cfg.Password = protocol, name, engine.User, engine.Password
	d.cfg.Addr = []string{server.Server(t).NativeAddr()}
	if protocol == sink.HTTP {
		d.cfg.Addr = []string{server.Server(t).HTTPAddr()}
	}
	if adjust != nil {
		adjust(&d.cfg)
	}
	d.sql = server.Connect(t)
	d.migrate(name)
	var err error
	d.Writer, err = sink.Open(t.Context(), d.cfg, zaptest.NewLogger(t), sink.Hooks{
		Now: func() time.Time { return time.UnixMilli(int64(d.tick)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func (d *database) migrate(name string) {
	d.t.Helper()
	engine.Migrate(d.t, d.sql, schemas.Options{Database: name})
	d.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = d.sql.Exec(ctx, "DROP DATABASE "+name)
	})
}

// exec and rows run SQL in which $ is replaced by the database.
func (d *database) exec(statement string) {
	d.t.Helper()
	if err := d.sql.Exec(d.t.Context(), strings.ReplaceAll(statement, "$", d.cfg.Database)); err != nil {
		d.t.Fatalf("%s: %v", statement, err)
	}
}

// rows are what a query gives, each row as one text.
func (d *database) rows(query string) (all []string) {
	d.t.Helper()
	query = "SELECT toString(tuple(*)) FROM (" + strings.ReplaceAll(query, "$", d.cfg.Database) + ")"
	result, err := d.sql.Query(d.t.Context(), query)
	if err != nil {
		d.t.Fatalf("%s: %v", query, err)
	}
	defer result.Close()
	for result.Next() {
		var row string
		if err := result.Scan(&row); err != nil {
			d.t.Fatal(err)
		}
		all = append(all, row)
	}
	if err := result.Err(); err != nil {
		d.t.Fatal(err)
	}
	return all
}

// is fails unless the query gives exactly these rows.
func (d *database) is(query string, want ...string) {
	d.t.Helper()
	got := d.rows(query)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		d.t.Errorf("%s\ngot  %s\nwant %s", query, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func (d *database) flush(b *sink.Batch) sink.FlushStats {
	d.t.Helper()
	stats, err := d.Flush(d.t.Context(), b)
	if err != nil {
		d.t.Fatal(err)
	}
	return stats
}

const topic = "piano.subscriber-events"

func at(partition int32, offset int64) schemas.Coordinates {
	return schemas.Coordinates{Source: schemas.SourceKafka, Name: topic, Partition: partition, Offset: offset}
}

// event is the i-th of a subscription's life; its id follows the contract's rule.
func event(i int64) *schemas.Event {
	e := &schemas.Event{
		SubscriptionID:     fmt.Appendf(nil, "sub-%d", i),
		UserID:             []byte("user"),
		EventTimestamp:     schemas.Millis(1_700_000_000_000 + i),
		SubscriptionAction: []byte(schemas.AutoRenewDisabled),
		TermType:           []byte("payment"),
		TransactionValue:   schemas.NullDecimal4{Decimal4: schemas.Decimal4(-19_9900 - i), Valid: true},

		SubscriptionActionRaw: []byte("auto_renew-Disabled"),
	}
	h1, h2 := murmur3.StringSum128(fmt.Sprintf("%s\x1f%d\x1f%s", e.SubscriptionID, e.EventTimestamp, e.SubscriptionAction))
	binary.BigEndian.PutUint64(e.ID[:8], h1)
	binary.BigEndian.PutUint64(e.ID[8:], h2)
	return e
}

// part holds events of a partition at offsets [from, to), with a ledger row that
// adds up.
func part(partition int32, from, to int64) *sink.Part {
	p := &sink.Part{Chunk: sink.NewChunk(), Ledger: schemas.LedgerRow{
		Source: schemas.SourceKafka, Name: topic, Partition: partition, Kind: schemas.LedgerFlush,
		StartOffset: from, NextOffset: to, LastOffset: to - 1, LastTimestamp: schemas.Millis(1_740_000_000_000 + to - 1),
	}}
	for offset := from; offset < to; offset++ {
		p.Chunk.Append(event(offset), at(partition, offset), schemas.KafkaVersion(1_740_000_000_000, offset))
		p.Ledger.Stored++
		p.Ledger.Messages++
	}
	return p
}

// failing adds a dead letter to a part.
func failing(p *sink.Part, offset int64) {
	p.DeadLetters = append(p.DeadLetters, schemas.DeadLetter{
		At: at(p.Ledger.Partition, offset), Reason: schemas.InvalidTimestamp, Field: "event_timestamp",
		Detail: "not a timestamp", Payload: `{"event_timestamp":"x"}`, PayloadSHA256: make([]byte, 32),
		MessageTime: 1_740_000_000_000, Attempts: 1,
	})
	p.Ledger.DeadLettered++
	p.Ledger.Messages++
}
