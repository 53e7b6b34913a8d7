package transform

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const suppressionSecret = "a secret of the tests, 32 characters"

func suppressionKey(tb testing.TB) *SuppressionKey {
	tb.Helper()
	key, err := NewSuppressionKey(suppressionSecret)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// erased are the three kinds of values of one person.
func erased(tb testing.TB) *Suppression {
	tb.Helper()
	key := suppressionKey(tb)
	hash, ok := HashAddress("ada@example.com")
	if !ok {
		tb.Fatal("no address")
	}
	return (*Suppression)(nil).Add(key, []SuppressionEntry{
		key.Entry(SuppressedUser, "u-1"), key.Entry(SuppressedUser, "sha256:"+hash), key.Entry(SuppressedSubscription, "sub-1"), key.Entry(SuppressedAddress, hash),
	})
}

func TestSuppression_MessagesOfThePerson(t *testing.T) {
	hash, _ := HashAddress("ada@example.com")
	const rest = `"event_timestamp":"2026-01-01T00:00:00Z","subscription_action":"Created"`
	for name, c := range map[string]struct {
		message    string
		suppressed bool
		outcome    Outcome
	}{
		"the user":                          {`{"subscription_id":"new","user_id":" u-1 ",` + rest + `}`, true, Filtered},
		"the user with escapes":             {`{"subscription_id":"new","user_id":"\u0075-1",` + rest + `}`, true, Filtered},
		"the user in another case":          {`{"subscription_id":"new","user_id":"U-1",` + rest + `}`, false, Stored},
		"a longer user id":                  {`{"subscription_id":"new","user_id":"u-12",` + rest + `}`, false, Stored},
		"a user id that is the address":     {`{"subscription_id":"new","user_id":"Ada@Example.com",` + rest + `}`, true, Filtered},
		"the subscription without a user":   {`{"subscription_id":"sub-1",` + rest + `}`, true, Filtered},
		"a user id like the subscription":   {`{"subscription_id":"new","user_id":"sub-1",` + rest + `}`, false, Stored},
		"a new subscription by the hash":    {`{"subscription_id":"new","user_email_hash_sha256":"` + strings.ToUpper(hash) + `",` + rest + `}`, true, Filtered},
		"a new subscription by the address": {`{"subscription_id":"new","user_email":"ADA@example.com",` + rest + `}`, true, Filtered},
		"the address in the hash field":     {`{"subscription_id":"new","user_email_hash_sha256":"ada@example.com",` + rest + `}`, true, Filtered},
		"another person":                    {`{"subscription_id":"sub-2","user_id":"u-2","user_email":"bob@example.com",` + rest + `}`, false, Stored},
		"nobody":                            {`{"subscription_id":"sub-2",` + rest + `}`, false, Stored},
		"an internal one of the person":     {`{"subscription_id":"sub-1","is_internal_user":true,` + rest + `}`, true, Filtered},
		"an internal one of another":        {`{"subscription_id":"sub-2","is_internal_user":true,` + rest + `}`, false, Filtered},
		"a refused one of the user":         {`{"subscription_id":"new","user_id":"u-1","event_timestamp":"no","subscription_action":"Created"}`, true, Filtered},
		"a refused one of the subscription": {`{"subscription_id":"sub-1","event_timestamp":"no","subscription_action":"Created"}`, true, Filtered},
		"a refused one by the address":      {`{"subscription_id":"new","email":"ada@example.com","event_timestamp":"no","subscription_action":"Created"}`, true, Filtered},
		"a refused one in the repetition":   {`{"subscription_id":"new","user_id":"u-2","user_id":"u-1",` + rest + `}`, true, Filtered},
		"a refused one of another":          {`{"subscription_id":"sub-2","user_id":"u-2","event_timestamp":"no","subscription_action":"Created"}`, false, DeadLettered},
		"unreadable":                        {`{"user_id":"u-1"`, false, DeadLettered},
		"a tombstone":                       {``, false, Skipped},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			w := newWorker(t, Defaults())
			w.rules.Suppress(erased(t))
			for range 2 { // the worker is used again
				r := w.Apply([]byte(c.message), sampleNow)
				if r.Outcome != c.outcome || (r.Notes.Suppressed == 1) != c.suppressed {
					t.Errorf("outcome %s, %d suppressed; want %s, %t", r.Outcome, r.Notes.Suppressed, c.outcome, c.suppressed)
				}
				if c.suppressed && (r.SubscriptionID != nil || r.Event != nil || r.Reason != "" || r.Field != "") {
					t.Errorf("the result names the person: %+v", r)
				}
			}
			w.rules.Suppress(nil)
			if r := w.Apply([]byte(c.message), sampleNow); r.Notes.Suppressed != 0 {
				t.Error("suppressed by an empty list")
			}
		})
	}
}

func TestSuppression_NumberAsUserID(t *testing.T) {
	key := suppressionKey(t)
	w := newWorker(t, Defaults())
	w.rules.Suppress((*Suppression)(nil).Add(key, []SuppressionEntry{key.Entry(SuppressedUser, "123")}))
	for _, message := range []string{
		`{"subscription_id":"a","user_id":123,"event_timestamp":"2026-01-01","subscription_action":"Created"}`,
		`{"subscription_id":"a","user_id":123,"event_timestamp":"no","subscription_action":"Created"}`,
	} {
		if r := w.Apply([]byte(message), sampleNow); r.Notes.Suppressed != 1 {
			t.Errorf("%s: %s", message, r.Outcome)
		}
	}
}

func TestSuppression_EventOfAnotherLosesTheLink(t *testing.T) {
	w := newWorker(t, Defaults())
	w.rules.Suppress(erased(t))
	r := w.Apply([]byte(`{"subscription_id":"s","user_id":"u-2","event_timestamp":"2026-01-01","subscription_action":"Upgraded","upgrade_to_subscription_id":"sub-1"}`), sampleNow)
	if r.Outcome != Stored || r.Event.UpgradeToSubscriptionID != nil || r.Notes.Suppressed != 0 {
		t.Errorf("got %s, %q", r.Outcome, r.Event.UpgradeToSubscriptionID)
	}
	r = w.Apply([]byte(`{"subscription_id":"s","event_timestamp":"no","subscription_action":"Upgraded","upgrade_to_subscription_id":"sub-1"}`), sampleNow)
	if r.Outcome != Filtered {
		t.Errorf("a dead letter would keep the link: %s", r.Outcome)
	}
}

func TestSuppression_ListNeedsItsKey(t *testing.T) {
	other, err := NewSuppressionKey(suppressionSecret + "!")
	if err != nil {
		t.Fatal(err)
	}
	key := suppressionKey(t)
	entry := key.Entry(SuppressedUser, "u-1")
	if key.ID() == other.ID() || len(key.ID()) != 16 {
		t.Errorf("ids %s and %s", key.ID(), other.ID())
	}
	if (*Suppression)(nil).Add(other, []SuppressionEntry{entry}).Has(SuppressedUser, "u-1") {
		t.Error("another key finds the person")
	}
	// A tag alone decides nothing.
	collision := SuppressionEntry{Tag: entry.Tag}
	if (*Suppression)(nil).Add(key, []SuppressionEntry{collision}).Has(SuppressedUser, "u-1") {
		t.Error("a tag without its hash finds the person")
	}
	if _, err := NewSuppressionKey(strings.Repeat("x", MinSuppressionKey-1)); err == nil {
		t.Error("a short key is accepted")
	}
	if (*Suppression)(nil).Add(key, nil).Has(SuppressedUser, "u-1") || (*Suppression)(nil).Add(key, nil).Len() != 0 {
		t.Error("the empty list finds a person")
	}
}

// TestSuppression_SeveralKeys finds the people of each key.
func TestSuppression_SeveralKeys(t *testing.T) {
	first := suppressionKey(t)
	second, err := NewSuppressionKey(suppressionSecret + "!")
	if err != nil {
		t.Fatal(err)
	}
	one := (*Suppression)(nil).Add(first, []SuppressionEntry{first.Entry(SuppressedUser, "a")})
	both := one.Add(second, []SuppressionEntry{second.Entry(SuppressedUser, "b"), second.Entry(SuppressedSubscription, "a")})
	for list, want := range map[*Suppression]string{one: "a", both: "ab"} {
		got := ""
		for _, user := range []string{"a", "b", "c"} {
			if list.Has(SuppressedUser, user) {
				got += user
			}
		}
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if both.Len() != 3 || one.Len() != 1 || both.Add(first, nil) != both {
		t.Errorf("%d and %d entries", both.Len(), one.Len())
	}
}

// TestSipHash_Vectors are from the reference implementation: the key 00 01 … 0f, and the
// texts 00 01 02 … of growing length.
func TestSipHash_Vectors(t *testing.T) {
	key := make([]byte, 16)
	text := make([]byte, 64)
	for i := range text {
		text[i] = byte(i)
	}
	copy(key, text)
	k0, k1 := binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:])
	for length, want := range map[int]uint64{
		0: 0x726fdb47dd0e0e31, 1: 0x74f839c593dc67fd, 7: 0xab0200f58b01d137, 8: 0x93f5f5799a932462, 15: 0xa129ca6149be45e5,
	} {
		if got := sipHash(k0, k1, text[:length]); got != want {
			t.Errorf("length %d: %x, want %x", length, got, want)
		}
	}
}

// listOf has n entries, none of which is in the sample.
func listOf(tb testing.TB, n int) *Suppression {
	tb.Helper()
	key := suppressionKey(tb)
	var entries []SuppressionEntry
	for i := range n {
		entries = append(entries, key.Entry(SuppressedUser, fmt.Sprint("nobody-", i)))
	}
	return (*Suppression)(nil).Add(key, entries)
}

func TestSuppression_AllocatesNothing(t *testing.T) {
	messages, _ := storedSample(t)
	for _, n := range []int{0, 10_000} {
		w := newWorker(t, Defaults())
		w.rules.Suppress(listOf(t, n))
		for _, m := range messages { // the arena grows
			w.Apply(m, sampleNow)
		}
		i := 0
		if allocated := testing.AllocsPerRun(200, func() { w.Apply(messages[i%len(messages)], sampleNow); i++ }); allocated != 0 {
			t.Errorf("%d entries: %v allocations a message", n, allocated)
		}
	}
}

// BenchmarkSuppression is all stages over the stored messages of the sample, by the size of
// the list. No message is on it.
func BenchmarkSuppression(b *testing.B) {
	messages, average := storedSample(b)
	for _, n := range []int{0, 1, 10_000} {
		b.Run(fmt.Sprint("entries=", n), func(b *testing.B) {
			list := listOf(b, n)
			benchmark(b, messages, average, func(w *Worker, m []byte) {
				if w.rules.suppression.Load() != list {
					w.rules.Suppress(list)
				}
				w.Apply(m, sampleNow)
			})
		})
	}
}

// FuzzSuppression checks that no result, and no dead letter's payload, names a listed user.
func FuzzSuppression(f *testing.F) {
	f.Add([]byte(`{"subscription_id":"new","user_id":"u-1","event_timestamp":"no"}`))
	f.Add([]byte(`{"user_id":["u-1"],"user_id":"\u0075-1"}`))
	rules, err := New(Defaults())
	if err != nil {
		f.Fatal(err)
	}
	rules.Suppress(erased(f))
	f.Fuzz(func(t *testing.T, message []byte) {
		w := rules.NewWorker()
		r := w.Apply(message, sampleNow)
		if r.Event != nil && (string(r.Event.UserID) == "u-1" || string(r.Event.SubscriptionID) == "sub-1" || string(r.Event.UpgradeToSubscriptionID) == "sub-1") {
			t.Errorf("stored: %q", message)
		}
		if r.Outcome != DeadLettered {
			return
		}
		if string(r.SubscriptionID) == "sub-1" {
			t.Errorf("a dead letter of the subscription: %q", message)
		}
		var payload map[string]any
		if json.Unmarshal([]byte(w.Redact(message)), &payload) == nil && payload["user_id"] == "u-1" {
			t.Errorf("a payload names the user: %q", message)
		}
	})
}
