package sink_test

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// TestWriter_Redrive has one message of each fate, between dead letters that
// were not chosen.
func TestWriter_Redrive(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		d.exec("ALTER TABLE $.subscription_events ADD CONSTRAINT no_13 CHECK subscription_id != 'sub-13'")
		first := part(0, 0, 0)
		for offset := range int64(20) {
			failing(first, 10+offset)
		}
		first.Ledger.StartOffset, first.Ledger.NextOffset = 10, 30
		d.flush(&sink.Batch{Token: "t", Parts: []*sink.Part{first}})

		reread := func(offsets ...int64) *sink.RedriveBatch {
			r := &sink.RedriveBatch{Part: part(0, 0, 0)}
			for _, offset := range offsets {
				r.Messages = append(r.Messages, sink.RedriveMessage{Offset: offset, SHA256: sha256.Sum256([]byte("raw"))})
			}
			return r
		}
		stored := func(r *sink.RedriveBatch, offset int64) {
			r.Part.Chunk.Append(event(offset), at(0, offset), schemas.KafkaVersion(1_740_000_000_000, offset))
		}
		d.tick += 1000
		elsewhere := reread(14)
		stored(elsewhere, 14)
		if _, err := d.Redrive(t.Context(), elsewhere); err != nil {
			t.Fatal(err)
		}

		// 11 passes, 12 is filtered, 13 is refused by the server, 14 fails although
		// somebody has resolved it since, 15 fails.
		r := reread(11, 12, 13, 14, 15)
		stored(r, 11)
		stored(r, 13)
		r.Part.Filtered = []schemas.FilteredSubscription{{SubscriptionID: "internal"}}
		failing(r.Part, 14)
		failing(r.Part, 15)
		r.Part.DeadLetters[1].Reason = schemas.InvalidValue
		d.tick -= 5000 // another machine, whose clock is behind: a decision is later than the one before it all the same
		for range 2 {
			stats, err := d.Redrive(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if stats.Rows != 1 || !slices.Equal(stats.Refused, []int64{13}) || !slices.Equal(stats.ResolvedElsewhere, []int64{14}) {
				t.Errorf("%+v", stats)
			}
		}
		d.is("SELECT source_offset, reason, attempts, resolved_at IS NULL FROM $.dead_letters FINAL WHERE source_offset BETWEEN 11 AND 15 ORDER BY source_offset",
			"(11,'invalid_timestamp',1,0)", "(12,'invalid_timestamp',1,0)", "(13,'rejected_by_server',3,1)",
			"(14,'invalid_timestamp',1,0)", "(15,'invalid_value',3,1)")
		sum := sha256.Sum256([]byte("raw"))
		d.is("SELECT payload_sha256 FROM $.dead_letters FINAL WHERE source_offset = 13", "('"+hex.EncodeToString(sum[:])+"')")
		d.is("SELECT countIf(resolved_at IS NULL), count() FROM $.dead_letters FINAL WHERE source_offset NOT BETWEEN 11 AND 15", "(15,15)")
		d.is("SELECT subscription_id FROM $.filtered_subscriptions FINAL", "('internal')")
		d.is("SELECT source_offset FROM $.subscription_events FINAL ORDER BY source_offset", "(11)", "(14)")
		d.is("SELECT count() FROM $.ingest_ledger", "(1)")

		if stats, err := d.Redrive(t.Context(), &sink.RedriveBatch{Part: part(0, 0, 0)}); err != nil || stats.Resolved != 0 {
			t.Errorf("nothing read: %+v, %v", stats, err)
		}
	})
}
