package sink

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"strconv"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/pianola/pianola/schemas"
)

// sample is an event with another value in every column.
func sample(i int) (schemas.Event, schemas.Coordinates) {
	s := func(column string) []byte { return fmt.Appendf(nil, "%s %d", column, i) }
	return schemas.Event{
		ID:                       schemas.EventID{0: 1, 7: 2, 8: 3, 15: byte(i)},
		SubscriptionID:           s("subscription_id"),
		UserID:                   s("user_id"),
		EventTimestamp:           schemas.Millis(1_700_000_000_000 + i),
		SubscriptionAction:       []byte(schemas.Renewed),
		EventName:                s("event_name"),
		ResourceName:             s("resource_name"),
		NextBilledAt:             schemas.NullMillis{Millis: schemas.Millis(1_800_000_000_000 + i), Valid: true},
		BillingPeriod:            s("billing_period"),
		TermType:                 s("term_type"),
		TermName:                 s("term_name"),
		TransactionValue:         schemas.NullDecimal4{Decimal4: schemas.Decimal4(-123450 - i), Valid: true},
		TrialPeriodEndedAt:       schemas.NullMillis{Millis: schemas.Millis(1_900_000_000_000 + i), Valid: true},
		TrialDuration:            s("trial_duration"),
		BillingCountryCode:       s("billing_country_code"),
		SubscriptionPeriodNumber: schemas.NullInt32{Int32: int32(7 + i), Valid: true},
		PaymentMode:              s("payment_mode"),
		UpgradeToSubscriptionID:  s("upgrade_to_subscription_id"),
		UserEmailHashSHA256:      bytes.Repeat([]byte("ab"), 32),
		IsInternalUser:           true,
		ExperienceName:           s("experience_name"),
		SubscriptionActionRaw:    s("subscription_action_raw"),
	}, schemas.Coordinates{Source: schemas.SourceKafka, Name: "piano.events", Epoch: 2, Partition: 3, Offset: int64(40 + i)}
}

// expected is what a decoded row of these must be, by column name.
func expected(e *schemas.Event, at schemas.Coordinates, version uint64, syncedAt schemas.Millis) map[string]string {
	text := func(b []byte) string { return orNull(len(b) > 0, string(b)) }
	instant := func(m schemas.NullMillis) string { return orNull(m.Valid, fmt.Sprint(int64(m.Millis))) }
	return map[string]string{
		"event_id":                   uuid.UUID(e.ID).String(),
		"subscription_id":            string(e.SubscriptionID),
		"user_id":                    string(e.UserID),
		"event_timestamp":            fmt.Sprint(int64(e.EventTimestamp)),
		"subscription_action":        string(e.SubscriptionAction),
		"event_name":                 text(e.EventName),
		"resource_name":              text(e.ResourceName),
		"next_billed_at":             instant(e.NextBilledAt),
		"billing_period":             text(e.BillingPeriod),
		"term_type":                  text(e.TermType),
		"term_name":                  text(e.TermName),
		"transaction_value":          orNull(e.TransactionValue.Valid, fmt.Sprint(int64(e.TransactionValue.Decimal4))),
		"trial_period_ended_at":      instant(e.TrialPeriodEndedAt),
		"trial_duration":             text(e.TrialDuration),
		"billing_country_code":       text(e.BillingCountryCode),
		"subscription_period_number": orNull(e.SubscriptionPeriodNumber.Valid, fmt.Sprint(e.SubscriptionPeriodNumber.Int32)),
		"payment_mode":               text(e.PaymentMode),
		"upgrade_to_subscription_id": text(e.UpgradeToSubscriptionID),
		"user_email_hash_sha256":     text(e.UserEmailHashSHA256),
		"is_internal_user":           strconv.FormatBool(e.IsInternalUser),
		"experience_name":            text(e.ExperienceName),
		"subscription_action_raw":    string(e.SubscriptionActionRaw),
		"version":                    fmt.Sprint(version),
		"synced_at":                  fmt.Sprint(int64(syncedAt)),
		"source":                     string(at.Source),
		"source_name":                at.Name,
		"source_epoch":               fmt.Sprint(at.Epoch),
		"source_partition":           fmt.Sprint(at.Partition),
		"source_offset":              fmt.Sprint(at.Offset),
	}
}

func TestChunk_Encode(t *testing.T) {
	t.Run("every column carries its own value under its declared name and type", func(t *testing.T) {
		c := NewChunk()
		c.syncedAt.value = 1_750_000_000_123
		e, at := sample(1)
		c.Append(&e, at, 99)
		got := decode(t, encode(t, c, 0, 1))
		if want := expected(&e, at, 99, 1_750_000_000_123); len(got) != 1 || !maps.Equal(got[0], want) {
			t.Fatalf("got  %v\nwant %v", got, want)
		}
	})
	t.Run("what is absent is NULL, except the user id", func(t *testing.T) {
		c := NewChunk()
		e := schemas.Event{SubscriptionID: []byte("s"), SubscriptionAction: []byte(schemas.Created)}
		at := schemas.Coordinates{Source: schemas.SourceFile, Name: "a.ndjson"}
		c.Append(&e, at, 0)
		got := decode(t, encode(t, c, 0, 1))[0]
		if want := expected(&e, at, 0, 0); !maps.Equal(got, want) {
			t.Fatalf("got  %v\nwant %v", got, want)
		}
		if got["user_id"] != "" || got["term_name"] != null || got["upgrade_to_subscription_id"] != null {
			t.Fatalf("absent columns: %v", got)
		}
	})
	t.Run("an event id is the same text as its hexadecimal digits", func(t *testing.T) {
		c := NewChunk()
		var e schemas.Event
		hex.Decode(e.ID[:], []byte("00112233445566778899aabbccddeeff"))
		c.Append(&e, schemas.Coordinates{}, 0)
		if got := decode(t, encode(t, c, 0, 1))[0]["event_id"]; got != "00112233-4455-6677-8899-aabbccddeeff" {
			t.Fatal(got)
		}
	})
}

// TestChunk_Encode_AnyRows holds any rows, any window of them and any reuse of
// the chunk against what was appended.
func TestChunk_Encode_AnyRows(t *testing.T) {
	c := NewChunk()
	rapid.Check(t, func(t *rapid.T) {
		c.Reset()
		c.syncedAt.value = schemas.Millis(rapid.Int64Range(0, 1<<40).Draw(t, "synced_at"))
		few := rapid.SampledFrom([]string{"", "payment", "dynamic", "gift", "ein Jahr", "\x00", "𝄞"})
		text := rapid.Custom(func(t *rapid.T) []byte {
			if rapid.Bool().Draw(t, "rare") {
				return []byte(rapid.String().Draw(t, "text"))
			}
			return []byte(few.Draw(t, "few"))
		})
		instant := rapid.Custom(func(t *rapid.T) schemas.NullMillis {
			if !rapid.Bool().Draw(t, "present") {
				return schemas.NullMillis{}
			}
			return schemas.NullMillis{Millis: schemas.Millis(rapid.Int64Range(0, 7e12).Draw(t, "ms")), Valid: true}
		})
		var want []map[string]string
		for range rapid.IntRange(1, 30).Draw(t, "rows") {
			e := schemas.Event{
				SubscriptionID: text.Draw(t, "id"), UserID: text.Draw(t, "user"),
				SubscriptionAction: text.Draw(t, "action"), EventName: text.Draw(t, "event"),
				TermName: text.Draw(t, "term"), TermType: text.Draw(t, "type"),
				UpgradeToSubscriptionID: text.Draw(t, "upgrade"), NextBilledAt: instant.Draw(t, "next"),
				TrialPeriodEndedAt: instant.Draw(t, "trial"), IsInternalUser: rapid.Bool().Draw(t, "internal"),
			}
			copy(e.ID[:], text.Draw(t, "event id"))
			if rapid.Bool().Draw(t, "paid") {
				e.TransactionValue = schemas.NullDecimal4{Decimal4: schemas.Decimal4(rapid.Int64().Draw(t, "paid")), Valid: true}
			}
			at := schemas.Coordinates{
				Source: rapid.SampledFrom([]schemas.Source{schemas.SourceKafka, schemas.SourceFile}).Draw(t, "source"),
				Name:   string(few.Draw(t, "name")), Offset: rapid.Int64().Draw(t, "offset"),
			}
			version := rapid.Uint64().Draw(t, "version")
			c.Append(&e, at, version)
			want = append(want, expected(&e, at, version, c.syncedAt.value))
			// Nothing may be borrowed.
			for _, b := range [][]byte{e.SubscriptionID, e.UserID, e.SubscriptionAction, e.EventName, e.TermName, e.TermType, e.UpgradeToSubscriptionID} {
				clear(b)
			}
		}
		from := rapid.IntRange(0, len(want)-1).Draw(t, "from")
		to := rapid.IntRange(from+1, len(want)).Draw(t, "to")
		got := decode(t, encode(t, c, from, to))
		if len(got) != to-from {
			t.Fatalf("%d rows, want %d", len(got), to-from)
		}
		for i := range got {
			if !maps.Equal(got[i], want[from+i]) {
				t.Fatalf("row %d\ngot  %v\nwant %v", from+i, got[i], want[from+i])
			}
		}
	})
}

// TestChunk_Encode_WideDictionary: names are the publisher's, so the dictionary
// may be as long as the chunk.
func TestChunk_Encode_WideDictionary(t *testing.T) {
	for _, distinct := range []int{255, 256, 257, 65_535, 65_536, 65_537, 200_000} {
		t.Run(strconv.Itoa(distinct), func(t *testing.T) {
			c := NewChunk()
			for i := range distinct {
				c.Append(&schemas.Event{TermName: fmt.Appendf(nil, "term %d", i)}, schemas.Coordinates{}, 0)
			}
			readBlocks(t, encode(t, c, 0, distinct), func(rows int, get map[string]func(int) string) {
				if rows != distinct {
					t.Fatalf("%d rows", rows)
				}
				for i := range rows {
					if got, want := get["term_name"](i), fmt.Sprintf("term %d", i); got != want {
						t.Fatalf("row %d: %q", i, got)
					}
				}
			})
			last := encode(t, c, distinct-1, distinct)
			if got := decode(t, last); got[0]["term_name"] != fmt.Sprintf("term %d", distinct-1) {
				t.Fatalf("single row: %v", got)
			}
			if len(last) > 4096 {
				t.Fatalf("a single row takes %d bytes: it drags the dictionary along", len(last))
			}
		})
	}
}

func TestChunk_Append(t *testing.T) {
	t.Run("allocates nothing once it has grown", func(t *testing.T) {
		c := NewChunk()
		fill := func() {
			c.Reset()
			for i := range 500 {
				e, at := events[i%len(events)], schemas.Coordinates{Source: schemas.SourceKafka, Name: "piano.events", Offset: int64(i)}
				c.Append(&e, at, uint64(i))
			}
		}
		fill()
		if n := testing.AllocsPerRun(20, fill); n > 0 {
			t.Fatalf("%.0f allocations for 500 rows", n)
		}
	})
	t.Run("counts about the bytes that an insert carries", func(t *testing.T) {
		c := NewChunk()
		for i := range 1000 {
			c.Append(&events[i%len(events)], schemas.Coordinates{Source: schemas.SourceKafka, Name: "piano.events"}, 1)
		}
		wire := len(encode(t, c, 0, 1000))
		if got := c.Bytes(); got < wire || got > 2*wire {
			t.Fatalf("Bytes() = %d, on the wire %d", got, wire)
		}
		c.Reset()
		if c.Bytes() != 0 || c.Rows() != 0 {
			t.Fatal("Reset keeps a count")
		}
	})
}

var events = func() (all []schemas.Event) {
	for i := range 97 {
		e, _ := sample(i)
		all = append(all, e)
	}
	return all
}()
