package sink_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/uuid"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// TestContentHash_EqualsClickHouse compares the hash of every row of a world, and of rows
// with extreme values, with the one that ClickHouse computes from the table.
func TestContentHash_EqualsClickHouse(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		cfg := world.Defaults()
		cfg.Subscribers = 300
		w, err := world.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		p := &sink.Part{Chunk: sink.NewChunk(), Ledger: schemas.LedgerRow{Source: schemas.SourceKafka, Name: topic}}
		add := func(e *schemas.Event) {
			// One row an offset, so that the table has a row for each of the chunk.
			p.Chunk.Append(e, at(0, int64(p.Chunk.Rows())), uint64(p.Chunk.Rows()))
		}
		for row := range w.Truth().Rows() {
			add(&row.Event)
		}
		for _, change := range []func(*schemas.Event){
			func(e *schemas.Event) { *e = schemas.Event{SubscriptionID: e.SubscriptionID} },
			func(e *schemas.Event) { e.TransactionValue.Decimal4 = -999_999_999_999_999_999 },
			func(e *schemas.Event) { e.TransactionValue.Decimal4 = 999_999_999_999_999_999 },
			func(e *schemas.Event) { e.TransactionValue.Decimal4 = 0 },
			func(e *schemas.Event) { e.TransactionValue.Valid = false },
			func(e *schemas.Event) { e.NextBilledAt = schemas.NullMillis{Millis: -1, Valid: true} },
			func(e *schemas.Event) {
				e.SubscriptionPeriodNumber = schemas.NullInt32{Int32: math.MaxInt32, Valid: true}
			},
			func(e *schemas.Event) { e.EventTimestamp = 7_258_118_399_999 },
			func(e *schemas.Event) { e.IsInternalUser = true },
			func(e *schemas.Event) { e.TermName = []byte("5:x;N\x00\xff'\\") },
			func(e *schemas.Event) { e.UpgradeToSubscriptionID = []byte("N") },
		} {
			e := event(1)
			change(e)
			add(e)
		}
		d.flush(&sink.Batch{Token: "rows", Parts: []*sink.Part{p}})
		result, err := d.sql.Query(t.Context(), "SELECT source_offset, "+sink.ContentHashSQL()+" FROM "+d.cfg.Database+".subscription_events")
		if err != nil {
			t.Fatal(err)
		}
		defer result.Close()
		rows := 0
		for ; result.Next(); rows++ {
			var offset int64
			var hash uuid.UUID
			if err := result.Scan(&offset, &hash); err != nil {
				t.Fatal(err)
			}
			if want := p.Chunk.ContentHash(int(offset)); hash != want {
				t.Fatalf("row %d: ClickHouse computes %s, want %s: %v", offset, hash, want,
					d.rows(fmt.Sprintf("SELECT * FROM $.subscription_events WHERE source_offset = %d", offset)))
			}
		}
		if err := result.Err(); err != nil {
			t.Fatal(err)
		}
		if rows != p.Chunk.Rows() || rows < 1000 {
			t.Fatalf("%d rows, want the %d of the chunk, and many", rows, p.Chunk.Rows())
		}
	})
}

// TestContentHash_DiffersByColumn: a change of any one column changes the hash.
func TestContentHash_DiffersByColumn(t *testing.T) {
	hash := func(change func(*schemas.Event)) uuid.UUID {
		e := event(1)
		e.TermName, e.EventName = []byte("ab"), []byte("c")
		change(e)
		c := sink.NewChunk()
		c.Append(e, at(0, 0), 0)
		return c.ContentHash(0)
	}
	seen := map[uuid.UUID]int{hash(func(*schemas.Event) {}): -1}
	for i, change := range []func(*schemas.Event){
		func(e *schemas.Event) { e.SubscriptionID = []byte("x") },
		func(e *schemas.Event) { e.UserID = nil },
		func(e *schemas.Event) { e.EventTimestamp++ },
		func(e *schemas.Event) { e.SubscriptionAction = []byte("x") },
		func(e *schemas.Event) { e.EventName = nil },
		func(e *schemas.Event) { e.ResourceName = []byte("x") },
		func(e *schemas.Event) { e.NextBilledAt.Valid = true },
		func(e *schemas.Event) { e.BillingPeriod = []byte("x") },
		func(e *schemas.Event) { e.TermType = []byte("x") },
		func(e *schemas.Event) { e.TermName = []byte("abc") },
		func(e *schemas.Event) { e.TransactionValue.Decimal4++ },
		func(e *schemas.Event) { e.TrialPeriodEndedAt.Valid = true },
		func(e *schemas.Event) { e.TrialDuration = []byte("x") },
		func(e *schemas.Event) { e.BillingCountryCode = []byte("x") },
		func(e *schemas.Event) { e.SubscriptionPeriodNumber.Valid = true },
		func(e *schemas.Event) { e.PaymentMode = []byte("x") },
		func(e *schemas.Event) { e.UpgradeToSubscriptionID = []byte("x") },
		func(e *schemas.Event) { e.UserEmailHashSHA256 = []byte("x") },
		func(e *schemas.Event) { e.IsInternalUser = true },
		func(e *schemas.Event) { e.ExperienceName = []byte("x") },
		func(e *schemas.Event) { e.SubscriptionActionRaw = nil },
	} {
		h := hash(change)
		if before, same := seen[h]; same {
			t.Errorf("changes %d and %d give the same hash", before, i)
		}
		seen[h] = i
	}
	columns := len(schemas.ContractColumns()) + 1 // and the raw action
	if len(seen) != columns+1 {
		t.Errorf("%d hashes for %d columns", len(seen), columns)
	}
}
