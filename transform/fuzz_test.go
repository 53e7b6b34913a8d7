package transform

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pianola/pianola/schemas"
)

// fuzzConfigs are the rules that FuzzApply chooses among.
func fuzzConfigs() []Config {
	aliased := Defaults()
	aliased.FieldAliases = map[string]string{"event_time": "event_timestamp", "id": "subscription_id"}
	aliased.SourceTimezone = "Europe/Copenhagen"
	aliased.UnknownAction = DeadLetterUnknown
	internal := Defaults()
	internal.InternalUserIDs = []string{"u1", "4711"}
	internal.InternalEmailDomains = []string{"corp.example"}
	internal.UnknownAction = DropUnknown
	small := Defaults()
	small.MaxMessageBytes = 200
	return []Config{Defaults(), aliased, internal, small}
}

// FuzzApply holds what must be true of every message: the stages never panic; no
// plaintext address comes out; a used worker and a fresh one agree; and what
// comes out is what schemas promise.
func FuzzApply(f *testing.F) {
	var vectors eventVectors
	readVectors(f, "events.json", &vectors)
	for i, c := range vectors.Cases {
		f.Add(append([]byte(c.Message), c.MessageBase64...), uint8(i))
	}
	for _, seed := range []string{
		`{` + least + `,"a@b.cc":"c@d.ee","term_name":"x\u0040y.zz","user_email":"Kim <kim@example.com>"}`,
		`{` + least + `,"user_email_hash_sha256":"<kim@example.com>","email":["kim@example.com"],"term_name":[1]}`,
		`{` + least + `,"transaction_value":"kim@example.com","next_billed_at":"kim@example.com"}`,
		`{` + least + `,"is_internal_user":"a@b.co@d.com","user_id":"a@b.co@d.com"}`,
		`["kim@example.com"]`, `kim@example.com`, "{\"subscription_id\":\"😀@💩.💩💩\xff\"}",
	} {
		f.Add([]byte(seed), uint8(0))
	}
	var rules []*Rules
	var used []*Worker
	for _, c := range fuzzConfigs() {
		r, err := New(c)
		if err != nil {
			f.Fatal(err)
		}
		rules, used = append(rules, r), append(used, r.NewWorker())
	}
	f.Fuzz(func(t *testing.T, message []byte, which uint8) {
		i := int(which) % len(rules)
		before := bytes.Clone(message)
		result := used[i].Apply(message, sampleNow)
		line := result.AppendJSON(nil)
		id := bytes.Clone(result.SubscriptionID)
		redacted := used[i].Redact(message)

		if !bytes.Equal(message, before) {
			t.Fatal("the message was modified")
		}
		if again := result.AppendJSON(nil); !bytes.Equal(again, line) || !bytes.Equal(id, result.SubscriptionID) {
			t.Fatalf("Redact has changed the result: %s, %s", line, again)
		}
		fresh := rules[i].NewWorker()
		if got := fresh.Apply(message, sampleNow).AppendJSON(nil); !bytes.Equal(got, line) {
			t.Fatalf("a fresh worker says %s, a used one %s", got, line)
		}
		if got := fresh.Redact(message); got != redacted {
			t.Fatalf("a fresh worker redacts %q, a used one %q", got, redacted)
		}
		checkResult(t, result)
		noAddress(t, "subscription id", string(result.SubscriptionID))
		noAddress(t, "detail", string(result.Reason)+" "+result.Field+" "+result.Detail)
		noAddressInJSON(t, "line", line)
		checkRedacted(t, message, redacted, len(message) <= rules[i].maxBytes)
	})
}

// checkResult holds the invariants of an outcome.
func checkResult(t *testing.T, r *Result) {
	t.Helper()
	if (r.Event != nil) != (r.Outcome == Stored) || (r.Reason != "") != (r.Outcome == DeadLettered) || (r.Detail != "") != (r.Outcome == DeadLettered) {
		t.Fatalf("%+v", r)
	}
	if r.Outcome != Stored {
		return
	}
	e := r.Event
	var id schemas.EventID
	sum := referenceMurmur(appendIdentity(nil, e.SubscriptionID, e.EventTimestamp, e.SubscriptionAction))
	copy(id[:], sum)
	if e.ID != id {
		t.Fatalf("event id %x, want %x", e.ID, id)
	}
	if len(e.SubscriptionID) == 0 || len(e.SubscriptionAction) == 0 || len(e.SubscriptionActionRaw) == 0 || e.UserID == nil || e.IsInternalUser {
		t.Fatalf("%+v", e)
	}
	if e.EventTimestamp < year2000 || int64(e.EventTimestamp) > sampleNow.Add(24*time.Hour).UnixMilli() {
		t.Fatalf("event at %d", e.EventTimestamp)
	}
	for _, at := range []schemas.NullMillis{e.NextBilledAt, e.TrialPeriodEndedAt} {
		if at.Valid && (at.Millis < year2000 || at.Millis >= year2200) {
			t.Fatalf("timestamp %d", at.Millis)
		}
	}
	if v := e.TransactionValue.Decimal4; v <= -1e18 || v >= 1e18 || e.SubscriptionPeriodNumber.Int32 < 0 {
		t.Fatalf("%+v", e)
	}
	if h := e.UserEmailHashSHA256; h != nil && (!isHash(h) || !bytes.Equal(h, bytes.ToLower(h)) || string(h) == emptyHash) {
		t.Fatalf("hash %q", h)
	}
	for _, text := range [][]byte{e.SubscriptionID, e.UserID, e.SubscriptionAction, e.EventName, e.ResourceName, e.BillingPeriod,
		e.TermType, e.TermName, e.TrialDuration, e.BillingCountryCode, e.PaymentMode, e.UpgradeToSubscriptionID, e.ExperienceName} {
		if !utf8.Valid(text) {
			t.Fatalf("%q is not UTF-8", text)
		}
	}
}

// checkRedacted holds the shape of a dead letter's payload.
func checkRedacted(t *testing.T, message []byte, redacted string, withinLimit bool) {
	t.Helper()
	if len(redacted) > maxRedacted || !utf8.ValidString(redacted) {
		t.Fatalf("%d bytes: %q", len(redacted), redacted)
	}
	body := withoutPrefix(message)
	readable := withinLimit && json.Valid(body) && utf8.Valid(body) && !holdsLoneSurrogate(body) &&
		bytes.TrimLeft(body, " \t\r\n")[0] == '{'
	if readable {
		noAddressInJSON(t, "payload", []byte(redacted))
		return
	}
	for _, r := range redacted {
		if r > 0x7f && r != utf8.RuneError && addressClass(r) != 0 || r != 'x' && 'a' <= r && r <= 'z' || '0' <= r && r < '9' || 'A' <= r && r <= 'Z' {
			t.Fatalf("%q is not masked", redacted)
		}
	}
}

// noAddressInJSON looks into every text of a JSON object, names too.
func noAddressInJSON(t *testing.T, what string, data []byte) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			break
		}
		if text, ok := token.(string); ok {
			noAddress(t, what, text)
		}
	}
	if !json.Valid(data) {
		t.Fatalf("%s is no JSON: %s", what, data)
	}
}

// FuzzGuard compares the guard with the grammar of address_test.go.
func FuzzGuard(f *testing.F) {
	for _, seed := range []string{"kim@example.com", "<k\u200bim%40exa\u00admple\u3002com>", "jose\u0301\uff20example.com", "a<\u0338@x.c=\u0338", "%4%400@\u00ff.cc"} {
		f.Add(seed)
	}
	w := newWorker(f, Defaults())
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 200 || !utf8.ValidString(text) {
			return // the reference tries every split, and a message is UTF-8
		}
		checkGuard(t, w, text)
	})
}

// noAddress fails when the text holds an address by the grammar of address_test.go.
// A local part that is a hash of the guard, or that is masked, is allowed.
func noAddress(t *testing.T, what, text string) {
	t.Helper()
	text = referenceNormal(text)
	if !strings.Contains(text, "@") {
		return
	}
	referenceGuard(text, func(address string) string {
		local, domain, _ := strings.Cut(address, "@")
		if len(local) >= hashDigits && strings.Contains(text, "sha256:"+local[len(local)-hashDigits:]+"@") {
			if _, err := hex.DecodeString(local[len(local)-hashDigits:]); err == nil {
				return address
			}
		}
		if strings.Trim(domain, "x9.-_") == "" && !strings.ContainsAny(local, "abcdefghijklmnopqrstuvwyz") {
			return address
		}
		t.Fatalf("%s holds an address: %q", what, text)
		return ""
	})
}
