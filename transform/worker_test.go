package transform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/schemas"
)

const least = `"subscription_id":"RC1","event_timestamp":"2024-01-05","subscription_action":"Renewed"`

func TestFields_AreTheDocumentedColumns(t *testing.T) {
	columns := schemas.ContractColumns()
	if int(experienceName)+1 != len(columns) {
		t.Fatalf("%d columns, %d fields before user_email", len(columns), experienceName+1)
	}
	for i, column := range columns {
		if fieldTable[i].name != column.Name {
			t.Errorf("field %d is %q, column %q", i, fieldTable[i].name, column.Name)
		}
	}
	if userEmail.String() != "user_email" || email.String() != "email" || noField.String() != "" {
		t.Error("the e-mail fields do not come last")
	}
}

func TestApply_WhichErrorWins(t *testing.T) {
	cases := []struct {
		note, message string
		want          string // reason and field, or the outcome
	}{
		{"a repeat before a missing field", `{"user_id":1,"user_id":2}`, "duplicate_field user_id"},
		{"a repeat that ends in bad JSON", `{"user_id":1,"user_id":2`, "invalid_json"},
		{"the first repeat, by its second place", `{"term_name":1,"user_id":1,"user_id":1,"term_name":1}`, "duplicate_field user_id"},
		{"three times is one repeat", `{"user_id":1,"term_name":1,"user_id":1,"user_id":1,"term_name":1}`, "duplicate_field user_id"},
		{"a repeat by escaped name", `{` + least + `,"user_id":1,"\u0075ser_\u0069d":1}`, "duplicate_field user_id"},
		{"a repeated unknown name, nested names", `{` + least + `,"x":{"user_id":1,"user_id":2},"x":1}`, "stored"},
		{"email repeated beside user_email", `{` + least + `,"user_email":"kim@example.com","email":1,"email":1}`, "duplicate_field email"},
		{"another JSON value with a repeat inside", `[{"user_id":1,"user_id":2}]`, "not_an_object"},
		{"a text", `"{}"`, "not_an_object"},
		{"null", `null`, "not_an_object"},
		{"a word that is not JSON", `nil`, "invalid_json"},
		{"an empty object", `{}`, "missing_field subscription_id"},
		{"required fields in order", `{"subscription_id":"RC1"}`, "missing_field event_timestamp"},
		{"null is absent", `{"subscription_id":"RC1","event_timestamp":"2024-01-05","subscription_action":null}`, "missing_field subscription_action"},
		{"the type of an earlier field", `{"subscription_id":true}`, "invalid_type subscription_id"},
		{"decode before time", `{` + least + `,"next_billed_at":"soon","experience_name":{}}`, "invalid_type experience_name"},
		{"decode of user_email before time", `{` + least + `,"next_billed_at":"soon","user_email":{}}`, "invalid_type user_email"},
		{"time before the filter", `{` + least + `,"trial_period_ended_at":"soon","is_internal_user":true}`, "invalid_timestamp trial_period_ended_at"},
		{"times in order", `{` + least + `,"trial_period_ended_at":"soon","next_billed_at":-1}`, "timestamp_out_of_range next_billed_at"},
		{"the filter before the e-mail", `{` + least + `,"user_email":"n/a","is_internal_user":1}`, "filtered"},
		{"the hash field before user_email", `{` + least + `,"user_email":"n/a","user_email_hash_sha256":"n/a"}`, "invalid_value user_email_hash_sha256"},
		{"email of a wrong type when user_email is null", `{` + least + `,"user_email":null,"email":[]}`, "invalid_type email"},
		{"user_email of a wrong type is not absent", `{` + least + `,"user_email":false,"email":"kim@example.com"}`, "invalid_type user_email"},
		{"0x00 without a brace", "\x00\x00\x00\x00\x07[]", "invalid_json"},
		{"a prefix cut short", "\x00\x00\x00\x00\x07", "invalid_json"},
		{"a prefix whose id is no UTF-8", "\x00\xff\xff\xff\xff{" + least + "}", "stored"},
		{"a period that is negative zero", `{` + least + `,"subscription_period_number":"-0.0e9"}`, "stored"},
		{"a period below zero", `{` + least + `,"subscription_period_number":-1}`, "invalid_value subscription_period_number"},
		{"the largest period", `{` + least + `,"subscription_period_number":2147483647.0}`, "stored"},
		{"a period too large", `{` + least + `,"subscription_period_number":2147483648}`, "invalid_value subscription_period_number"},
		{"an immense period", `{` + least + `,"subscription_period_number":1e999999999}`, "invalid_value subscription_period_number"},
		{"a tiny period", `{` + least + `,"subscription_period_number":1e-999999999}`, "invalid_value subscription_period_number"},
		{"a flag with a long s", `{` + least + `,"is_internal_user":"ye\u017f"}`, "invalid_value is_internal_user"},
		{"a flag -0", `{` + least + `,"is_internal_user":-0}`, "invalid_value is_internal_user"},
		{"a flag 1e0", `{` + least + `,"is_internal_user":1e0}`, "invalid_value is_internal_user"},
		{"a flag YES", `{` + least + `,"is_internal_user":" YES "}`, "filtered"},
		{"a flag y", `{` + least + `,"is_internal_user":"y"}`, "invalid_value is_internal_user"},
		{"a blank flag", `{` + least + `,"is_internal_user":""}`, "stored"},
		{"a flag as an object", `{` + least + `,"is_internal_user":{}}`, "invalid_type is_internal_user"},
		{"64 characters that are no hash", `{` + least + `,"user_email_hash_sha256":"` + strings.Repeat("0123456789abcdeg", 4) + `"}`, "invalid_value user_email_hash_sha256"},
		{"an amount in words", `{` + least + `,"transaction_value":"1 kr"}`, "invalid_value transaction_value"},
		{"an object cut short after a name", `{"user_id"`, "invalid_json"},
		{"an object cut short after a repeat", `{"user_id":1,"user_id":`, "invalid_json"},
		{"an amount as a boolean", `{` + least + `,"transaction_value":true}`, "invalid_type transaction_value"},
		{"a byte order mark", "\ufeff{" + least + "}", "invalid_json"},
		{"DEL in the id", `{"subscription_id":"R\u007fC","event_timestamp":"x"}`, "invalid_value subscription_id"},
		{"an id that is an unescaped DEL", "{\"subscription_id\":\"R\x7fC\",\"event_timestamp\":\"x\"}", "invalid_value subscription_id"},
	}
	w := newWorker(t, Defaults())
	for _, c := range cases {
		t.Run(c.note, func(t *testing.T) {
			r := w.Apply([]byte(c.message), sampleNow)
			got := strings.TrimSpace(fmt.Sprint(r.Reason, " ", r.Field))
			if got == "" {
				got = r.Outcome.String()
			}
			if got != c.want {
				t.Errorf("got %q (%s), want %q", got, r.Detail, c.want)
			}
			if (r.Outcome == DeadLettered) != (r.Detail != "") {
				t.Errorf("%s with detail %q", r.Outcome, r.Detail)
			}
		})
	}
}

func TestApply_SubscriptionID(t *testing.T) {
	const kim = "sha256:5d9a0087d4ccdb9bc50e88c4713479119e48a326fd360d647cf1643f3cae13e7"
	cases := []struct{ note, message, want string }{
		{"stored", `{` + least + `}`, "RC1"},
		{"filtered, guarded", `{"subscription_id":"kim@example.com","event_timestamp":"2024-01-05","subscription_action":"Renewed","is_internal_user":1}`, kim},
		{"refused early, guarded", `{"subscription_id":" Kim@example.com ","user_id":[]}`, kim},
		{"refused late", `{` + least + `,"user_email":"n/a"}`, "RC1"},
		{"another field occurs twice", `{"subscription_id":"RC1","user_id":1,"user_id":1}`, "RC1"},
		{"a number", `{"subscription_id":1.50}`, "1.50"},
		{"itself occurs twice", `{"subscription_id":"RC1","subscription_id":"RC1"}`, ""},
		{"itself occurs twice, another before", `{"user_id":1,"user_id":1,"subscription_id":"RC1","subscription_id":"RC2"}`, ""},
		{"blank", `{"subscription_id":" "}`, ""},
		{"a control character", `{"subscription_id":"R\u0000C"}`, ""},
		{"no text", `{"subscription_id":["RC1"]}`, ""},
		{"no JSON", `{"subscription_id":"RC1"`, ""},
		{"no object", `[{"subscription_id":"RC1"}]`, ""},
		{"a tombstone", ``, ""},
	}
	w := newWorker(t, Defaults())
	for _, c := range cases {
		t.Run(c.note, func(t *testing.T) {
			r := w.Apply([]byte(c.message), sampleNow)
			if got := string(r.SubscriptionID); got != c.want || (r.SubscriptionID == nil) != (c.want == "") {
				t.Errorf("got %q (%s %s), want %q", got, r.Outcome, r.Reason, c.want)
			}
		})
	}
	t.Run("a dropped action says nothing about the subscription", func(t *testing.T) {
		config := Defaults()
		config.UnknownAction = DropUnknown
		r := newWorker(t, config).Apply([]byte(`{"subscription_id":"RC1","event_timestamp":"2024-01-05","subscription_action":"Paused"}`), sampleNow)
		if r.Outcome != Filtered || r.SubscriptionID != nil || r.Notes.DroppedActions != 1 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("a refused action", func(t *testing.T) {
		config := Defaults()
		config.UnknownAction = DeadLetterUnknown
		r := newWorker(t, config).Apply([]byte(`{"subscription_id":"kim@example.com","event_timestamp":"2024-01-05","subscription_action":"Paused"}`), sampleNow)
		if r.Reason != schemas.UnknownAction || string(r.SubscriptionID) != kim {
			t.Errorf("%+v", r)
		}
	})
}

func TestApply_Notes(t *testing.T) {
	const hash = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"
	cases := []struct {
		note, fields string
		want         Notes
	}{
		{"none", `"user_id":"u1"`, Notes{}},
		{"unknown names, each time", `"x":1,"x":{"y":2},"User_ID":3,"":4`, Notes{UnknownFields: 4}},
		{"a disagreement", `"user_email":"kim@example.com","user_email_hash_sha256":"` + hash + `"`, Notes{EmailHashDisagreements: 1}},
		{"an agreement", `"user_email":"John_Smith@gmail.com","user_email_hash_sha256":"` + strings.ToUpper(hash) + `"`, Notes{}},
		{"the hash of the empty text", `"user_email_hash_sha256":"` + emptyHash + `"`, Notes{EmptyHashes: 1}},
		{"an address in the hash field", `"user_email_hash_sha256":"kim@example.com"`, Notes{AddressesInHashField: 1}},
		{"an address in the hash field that disagrees", `"user_email_hash_sha256":"kim@example.com","email":"bo@example.com"`,
			Notes{AddressesInHashField: 1, EmailHashDisagreements: 1}},
		{"no address beside a hash", `"email":"n/a","user_email_hash_sha256":"` + hash + `"`, Notes{IgnoredEmails: 1}},
		{"guarded addresses", `"user_id":"kim@example.com","term_name":"kim@example.com, bo@example.com"`, Notes{GuardedAddresses: 3}},
		{"never", `"next_billed_at":"9999-12-31"`, Notes{NeverTimestamps: 1}},
	}
	w := newWorker(t, Defaults())
	var total, sum Notes
	for _, c := range cases {
		t.Run(c.note, func(t *testing.T) {
			r := w.Apply([]byte(`{`+least+`,`+c.fields+`}`), sampleNow)
			if r.Outcome != Stored || r.Notes != c.want {
				t.Errorf("%s %s: %+v, want %+v", r.Outcome, r.Reason, r.Notes, c.want)
			}
			total.Add(r.Notes)
		})
		sum.Add(c.want)
	}
	if total != sum || total.GuardedAddresses != 3 {
		t.Errorf("the total is %+v", total)
	}
	r := w.Apply([]byte(`{"subscription_id":"RC1","event_timestamp":"2024-01-05","subscription_action":"Paused"}`), sampleNow)
	if r.Notes != (Notes{UnknownActions: 1}) {
		t.Errorf("%+v", r.Notes)
	}
}

func TestApply_LongUnknownActionIsKept(t *testing.T) {
	action := strings.Repeat("renewed ", 100) + "once more"
	r := newWorker(t, Defaults()).Apply([]byte(`{"subscription_id":"RC1","event_timestamp":"2024-01-05","subscription_action":"`+action+`"}`), sampleNow)
	if r.Outcome != Stored || string(r.Event.SubscriptionAction) != action || r.Notes.UnknownActions != 1 {
		t.Errorf("%+v", r)
	}
}

func TestApply_EscapesSayWhatTheyMean(t *testing.T) {
	const escaped = `"\u0041\b\f\n\r\t\/\\\"\uD83D\ude00é"`
	w := newWorker(t, Defaults())
	_, _, _, event := printed(t, w, sampleNow, map[string]json.RawMessage{"term_name": json.RawMessage(escaped)})
	if got, want := event["term_name"], "A\b\f\n\r\t/\\\"😀é"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestApply_AliasesWorkOnce(t *testing.T) {
	config := Defaults()
	config.FieldAliases = map[string]string{"sub": "subscription_id", "wann": "event_timestamp", "tätigkeit": "subscription_action"}
	r := newWorker(t, config).Apply([]byte(`{"sub":"RC1","wann":"2024-01-05","t\u00e4tigkeit":"Renewed","Sub":1}`), sampleNow)
	if r.Outcome != Stored || string(r.SubscriptionID) != "RC1" || r.Notes.UnknownFields != 1 {
		t.Errorf("%s %s %s %+v", r.Outcome, r.Reason, r.Field, r.Notes)
	}
}

func TestApply_InternalDomainsIgnoreCase(t *testing.T) {
	config := Defaults()
	config.InternalEmailDomains = []string{" BÜCHER.Example "}
	config.InternalUserIDs = []string{" Root "}
	w := newWorker(t, config)
	for fields, want := range map[string]Outcome{
		`"user_email":"bo@b\u00fccher.EXAMPLE"`:                Filtered,
		`"user_id":"Root"`:                                     Filtered,
		`"user_id":"root"`:                                     Stored,
		`"user_id":"mail bo@bücher.example"`:                   Stored,
		`"user_email":"n/a","email":"bo@bücher.example"`:       DeadLettered,
		`"user_email":"bo@bücher.example.org"`:                 Stored,
		`"user_email_hash_sha256":"bo@bücher.example"`:         Filtered,
		`"user_email":null,"email":"bo@bücher.example"`:        Filtered,
		`"user_email":"Kim <kim@bücher.example>"`:              DeadLettered,
		`"user_id":"bo@bücher.example","is_internal_user":"f"`: Filtered,
	} {
		if r := w.Apply([]byte(`{`+least+`,`+fields+`}`), sampleNow); r.Outcome != want {
			t.Errorf("%s: %s %s, want %s", fields, r.Outcome, r.Reason, want)
		}
	}
}

// TestApply_AllocatesNothing holds the promise of doc.go over all of the sample
// that is not refused; a refused message pays for its detail.
func TestApply_AllocatesNothing(t *testing.T) {
	messages, _ := storedSample(t)
	if len(messages) < 900 {
		t.Fatalf("only %d messages of the sample are stored", len(messages))
	}
	config := Defaults()
	config.SourceTimezone = "Europe/Copenhagen"
	config.InternalEmailDomains = []string{"corp.example"}
	config.InternalUserIDs = []string{"4711"}
	w := newWorker(t, config)
	all := func() {
		for _, m := range messages {
			w.Apply(m, sampleNow)
		}
	}
	all() // the worker's memory grows to what the sample needs
	if allocs := testing.AllocsPerRun(5, all); allocs != 0 {
		t.Errorf("%v allocations in %d messages", allocs, len(messages))
	}
}

func TestApply_GivesBackMemory(t *testing.T) {
	w := newWorker(t, Defaults())
	huge := `{"term_name":"` + strings.Repeat(`\u0041`, 170_000) + strings.Repeat(" a@b.cc", 1000) + `",` + least + `}`
	if r := w.Apply([]byte(huge), sampleNow); r.Outcome != Filtered && r.Outcome != Stored {
		t.Fatalf("%s %s", r.Outcome, r.Reason)
	}
	if cap(w.arena) <= maxArena {
		t.Fatal("the message was too small to show anything")
	}
	w.Apply([]byte(`{`+least+`}`), sampleNow)
	if cap(w.arena) > maxArena {
		t.Errorf("the worker keeps %d bytes", cap(w.arena))
	}
}

func TestApply_WorkersOfOneRulesAreIndependent(t *testing.T) {
	messages, _ := readSample(t)
	rules, err := New(Defaults())
	if err != nil {
		t.Fatal(err)
	}
	lines := func() []byte {
		w := rules.NewWorker()
		var out []byte
		for _, m := range messages {
			out = append(w.Apply(m, sampleNow).AppendJSON(out), '\n')
		}
		return out
	}
	want := lines()
	results := make(chan []byte)
	for range 4 {
		go func() { results <- lines() }()
	}
	for range 4 {
		if got := <-results; !bytes.Equal(got, want) {
			t.Error("two workers disagree")
		}
	}
}

func TestAppendJSON_IsValid(t *testing.T) {
	w := newWorker(t, Defaults())
	message := `{` + least + `,"term_name":"\"\\\u0000\u001f\u007f\u2028\ud83d\ude00<&>","transaction_value":"-0.0501"}`
	line := w.Apply([]byte(message), sampleNow).AppendJSON(nil)
	var got struct{ Event map[string]any }
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	if got.Event["term_name"] != "\"\\\x00\x1f\x7f\u2028😀<&>" || !bytes.Contains(line, []byte(`"transaction_value":-0.0501,`)) {
		t.Errorf("%s", line)
	}
	if bytes.ContainsAny(line, "\n\r") {
		t.Error("the line has a line end in it")
	}
}

func TestApply_ClockBeforeTheEpoch(t *testing.T) {
	r := newWorker(t, Defaults()).Apply([]byte(`{`+least+`}`), time.Time{})
	if r.Reason != schemas.TimestampOutOfRange {
		t.Errorf("%s %s", r.Outcome, r.Reason)
	}
}
