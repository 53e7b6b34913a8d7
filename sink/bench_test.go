package sink

import (
	"errors"
	"io"
	"testing"

	"github.com/ClickHouse/ch-go/compress"

	"github.com/pianola/pianola/schemas"
)

// benchRows is a chunk as one partition of four brings it at the default limit.
const benchRows = 50_000

// realistic are events whose texts repeat as a publisher's do: ids differ, names
// are few.
func realistic() []schemas.Event {
	all := make([]schemas.Event, 1000)
	for i := range all {
		e, _ := sample(i)
		name := func(n int, v ...string) []byte { return []byte(v[i/(n+1)%len(v)]) }
		e.ID = schemas.EventID{byte(i), byte(i >> 8), 7}
		e.SubscriptionID = []byte("RC" + string(rune('A'+i%26)) + "x7Jq9pLm" + string(rune('a'+i/26%26)))
		e.EventName = name(1, "subscription_renewed", "subscription_created", "payment_failed")
		e.ResourceName = name(2, "Digital", "Digital + Print", "Archive", "Crosswords")
		e.BillingPeriod = name(3, "1 month", "1 year", "3 months")
		e.TermType = name(4, "payment", "dynamic", "gift")
		e.TermName = name(5, "Monthly", "Annual", "Student", "Trial, then monthly", "Winback")
		e.TrialDuration = name(6, "", "1 month", "14 days")
		e.BillingCountryCode = name(7, "US", "DE", "GB", "FR", "IN", "BR")
		e.PaymentMode = name(8, "card", "paypal", "invoice")
		e.ExperienceName = name(9, "Paywall", "Paywall B", "Newsletter", "")
		e.SubscriptionActionRaw = name(10, "Renewed", "renewed", "RENEW")
		if i%20 != 0 {
			e.UpgradeToSubscriptionID = nil
		}
		all[i] = e
	}
	return all
}

func fill(c *Chunk, all []schemas.Event) {
	c.Reset()
	for i := range benchRows {
		at := schemas.Coordinates{Source: schemas.SourceKafka, Name: "piano.subscriber-events", Partition: 3, Offset: int64(i)}
		c.Append(&all[i%len(all)], at, schemas.KafkaVersion(1_740_000_000_000, int64(i)))
	}
}

func perRow(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}

// BenchmarkChunk_Append is the copying of events into columns; an op is
// benchRows rows.
func BenchmarkChunk_Append(b *testing.B) {
	c, all := NewChunk(), realistic()
	fill(c, all)
	b.SetBytes(int64(c.Bytes()))
	b.ReportAllocs()
	for b.Loop() {
		fill(c, all)
	}
	perRow(b)
}

// BenchmarkChunk_Insert is all that the client does for an insert: append, encode,
// LZ4 in frames; an op is benchRows rows.
func BenchmarkChunk_Insert(b *testing.B) {
	c, all := NewChunk(), realistic()
	framed := &body{frames: compress.NewWriter(compress.LevelZero, compress.LZ4)}
	buf := make([]byte, 64<<10)
	insert := func() {
		fill(c, all)
		r := framed.open([]block{{chunk: c, to: c.Rows()}})
		for {
			if _, err := r.Read(buf); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
	insert()
	b.SetBytes(int64(c.Bytes()))
	b.ReportAllocs()
	for b.Loop() {
		insert()
	}
	perRow(b)
}
