package sink

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/ClickHouse/ch-go/compress"

	"github.com/pianola/pianola/schemas"
)

func TestBody(t *testing.T) {
	b := batchOf(3, 5_000, 4)
	s := wholeBatch(b, "t")
	var want []byte
	for _, bl := range s.blocks {
		want = append(want, encode(t, bl.chunk, bl.from, bl.to)...)
	}
	if len(want) < frameBytes {
		t.Fatal("the sample fits in one frame")
	}
	t.Run("plain", func(t *testing.T) {
		got, err := io.ReadAll(iotest.HalfReader(new(body).open(s.blocks)))
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, want %d: %v", len(got), len(want), err)
		}
	})
	t.Run("framed, and again from the same buffers", func(t *testing.T) {
		framed := &body{frames: compress.NewWriter(compress.LevelZero, compress.LZ4)}
		var first []byte
		for range 2 {
			packed, err := io.ReadAll(framed.open(s.blocks))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(compress.NewReader(bytes.NewReader(packed)))
			if err != nil && !errors.Is(err, io.EOF) || !bytes.Equal(got, want) {
				t.Fatalf("%d bytes, want %d: %v", len(got), len(want), err)
			}
			if first == nil {
				first = packed
			}
			if !bytes.Equal(first, packed) {
				t.Fatal("a retry is not the same bytes")
			}
		}
	})
	t.Run("nothing is read once it is closed", func(t *testing.T) {
		r := new(body).open(s.blocks)
		_ = r.Close()
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, errBodyClosed) {
			t.Fatal(err)
		}
	})
}

func TestRowJSON(t *testing.T) {
	c := NewChunk()
	e, at := sample(0)
	e.TransactionValue.Decimal4 = -10_050
	e.TermName, e.NextBilledAt.Valid, e.UserID = nil, false, nil
	c.Append(&e, at, 0)
	want := `{"event_id":"01000000000000020300000000000000","subscription_id":"subscription_id 0","user_id":"",` +
		`"event_timestamp":"2023-11-14T22:13:20.000Z","subscription_action":"Renewed","event_name":"event_name 0",` +
		`"resource_name":"resource_name 0","next_billed_at":null,"billing_period":"billing_period 0","term_type":"term_type 0",` +
		`"term_name":null,"transaction_value":-1.005,"trial_period_ended_at":"2030-03-17T17:46:40.000Z","trial_duration":"trial_duration 0",` +
		`"billing_country_code":"billing_country_code 0","subscription_period_number":7,"payment_mode":"payment_mode 0",` +
		`"upgrade_to_subscription_id":"upgrade_to_subscription_id 0","user_email_hash_sha256":"abababababababababababababababababababababababababababababababab",` +
		`"is_internal_user":true,"experience_name":"experience_name 0","subscription_action_raw":"subscription_action_raw 0"}`
	if got := string(c.json(0)); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func TestAppendDecimal4(t *testing.T) {
	for d, want := range map[schemas.Decimal4]string{
		0: "0", 1: "0.0001", -1: "-0.0001", 10_000: "1", -10_050: "-1.005", 123_456_700: "12345.67",
		999_999_999_999_999_999: "99999999999999.9999", -5_000: "-0.5",
	} {
		if got := string(appendDecimal4(nil, d)); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}

func TestRecheck(t *testing.T) {
	before := map[int64]earlierDeadLetter{
		3: {attempts: 2, decidedAt: 900, open: true},  // fails again, decided later than now says
		5: {attempts: 1, decidedAt: 100, open: true},  // passes
		6: {attempts: 4, decidedAt: 100, open: false}, // was resolved, fails again
		7: {attempts: 1, decidedAt: 100, open: false}, // stays resolved
		4: {attempts: 1, decidedAt: 100, open: true},  // passes
	}
	failing := []schemas.DeadLetter{
		{At: schemas.Coordinates{Offset: 3}, DecidedAt: 500, Attempts: 1},
		{At: schemas.Coordinates{Offset: 6}, DecidedAt: 500, Attempts: 1},
		{At: schemas.Coordinates{Offset: 8}, DecidedAt: 500, Attempts: 1},
	}
	passed := recheck(before, failing)
	if len(passed) != 2 || passed[0] != 4 || passed[1] != 5 {
		t.Errorf("passed %v", passed)
	}
	for i, want := range []struct {
		decided  schemas.Millis
		attempts uint32
	}{{901, 3}, {500, 5}, {500, 1}} {
		if d := failing[i]; d.DecidedAt != want.decided || d.Attempts != want.attempts {
			t.Errorf("offset %d: decided %d, attempts %d", d.At.Offset, d.DecidedAt, d.Attempts)
		}
	}
}

func TestDeadLetterSlice(t *testing.T) {
	big := schemas.DeadLetter{Payload: string(make([]byte, maxDeadLetterBytes*2/3))}
	huge := schemas.DeadLetter{Payload: string(make([]byte, maxDeadLetterBytes+1))}
	for name, c := range map[string]struct {
		all  []schemas.DeadLetter
		want int
	}{
		"few go together":                 {make([]schemas.DeadLetter, 3), 3},
		"many are cut at the count":       {make([]schemas.DeadLetter, maxDeadLetters+1), maxDeadLetters},
		"large ones are cut by bytes":     {[]schemas.DeadLetter{big, big}, 1},
		"one too large still goes, alone": {[]schemas.DeadLetter{huge, big}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := deadLetterSlice(c.all); got != c.want {
				t.Fatalf("%d, want %d", got, c.want)
			}
		})
	}
}
