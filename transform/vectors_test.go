package transform

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"testing"
	"time"
)

// vectorConfig is the part of Config that the vectors set.
type vectorConfig struct {
	MaxMessageBytes      *int              `json:"max_message_bytes"`
	FieldAliases         map[string]string `json:"field_aliases"`
	InternalUserIDs      []string          `json:"internal_user_ids"`
	InternalEmailDomains []string          `json:"internal_email_domains"`
	UnknownAction        *UnknownAction    `json:"unknown_action"`
}

func (v vectorConfig) config() Config {
	c := Defaults()
	if v.MaxMessageBytes != nil {
		c.MaxMessageBytes = *v.MaxMessageBytes
	}
	if v.UnknownAction != nil {
		c.UnknownAction = *v.UnknownAction
	}
	c.FieldAliases = v.FieldAliases
	c.InternalUserIDs, c.InternalEmailDomains = v.InternalUserIDs, v.InternalEmailDomains
	return c
}

// readVectors reads a file of the contract's vectors; an unknown key is a
// mistake in the reader.
func readVectors(t testing.TB, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}

func newWorker(t testing.TB, c Config) *Worker {
	t.Helper()
	rules, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return rules.NewWorker()
}

// eventVectors is events.json: each case has a message as text or as bytes.
type eventVectors struct {
	Now   time.Time
	Note  string
	Cases []struct {
		Note          string
		Config        vectorConfig
		Message       string
		MessageBase64 []byte `json:"message_base64"`
		Expect        json.RawMessage
	}
}

func TestVectors_Events(t *testing.T) {
	var file eventVectors
	readVectors(t, "events.json", &file)
	if len(file.Cases) < 50 {
		t.Fatalf("%d cases were read", len(file.Cases))
	}
	for _, c := range file.Cases {
		t.Run(c.Note, func(t *testing.T) {
			message := []byte(c.Message)
			if c.MessageBase64 != nil {
				message = c.MessageBase64
			}
			before := base64.StdEncoding.EncodeToString(message)
			r := newWorker(t, c.Config.config()).Apply(message, file.Now)
			line := r.AppendJSON(nil)
			if r.Outcome == DeadLettered && r.Detail == "" {
				t.Error("a dead letter without a detail")
			}
			if got, want := canonicalJSON(t, line), canonicalJSON(t, c.Expect); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if base64.StdEncoding.EncodeToString(message) != before {
				t.Error("the message was modified")
			}
		})
	}
}

// canonicalJSON orders the keys and keeps numbers as they are written; a dead
// letter's detail is free.
func canonicalJSON(t *testing.T, data []byte) string {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	delete(v, "detail")
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// printed runs the stages over an event with the fields given and reads back
// the printed line.
func printed(t *testing.T, w *Worker, now time.Time, fields map[string]json.RawMessage) (outcome, reason, field string, event map[string]any) {
	t.Helper()
	message := map[string]json.RawMessage{
		"subscription_id":     json.RawMessage(`"RC1"`),
		"event_timestamp":     json.RawMessage(`"2024-01-05T10:00:00Z"`),
		"subscription_action": json.RawMessage(`"Renewed"`),
	}
	for name, value := range fields {
		message[name] = value
	}
	data, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	var line struct {
		Outcome, Reason, Field, Detail string
		Event                          map[string]any
	}
	if err := json.Unmarshal(w.Apply(data, now).AppendJSON(nil), &line); err != nil {
		t.Fatal(err)
	}
	return line.Outcome, line.Reason, line.Field, line.Event
}

func TestVectors_Timestamps(t *testing.T) {
	var file struct {
		Now   time.Time
		Note  string
		Cases []struct {
			Note           string
			Field          string
			SourceTimezone string `json:"source_timezone"`
			Input          json.RawMessage
			Expect         *string
			Reason         string
		}
	}
	readVectors(t, "timestamps.json", &file)
	if len(file.Cases) < 50 {
		t.Fatalf("%d cases were read", len(file.Cases))
	}
	for _, c := range file.Cases {
		t.Run(c.Note, func(t *testing.T) {
			config := Defaults()
			config.SourceTimezone = c.SourceTimezone
			_, reason, field, event := printed(t, newWorker(t, config), file.Now,
				map[string]json.RawMessage{c.Field: c.Input})
			checkCase(t, c.Field, c.Field, c.Expect, c.Reason, reason, field, event)
		})
	}
}

func TestVectors_Emails(t *testing.T) {
	var file struct {
		Note  string
		Cases []struct {
			Note   string
			Field  string
			Input  json.RawMessage
			With   map[string]json.RawMessage
			Expect *string
			Reason string
		}
	}
	readVectors(t, "emails.json", &file)
	if len(file.Cases) < 30 {
		t.Fatalf("%d cases were read", len(file.Cases))
	}
	w := newWorker(t, Defaults())
	for _, c := range file.Cases {
		t.Run(c.Note, func(t *testing.T) {
			fields := map[string]json.RawMessage{c.Field: c.Input}
			for name, value := range c.With {
				fields[name] = value
			}
			column := c.Field
			if c.Field == "user_email" || c.Field == "email" {
				column = "user_email_hash_sha256"
			}
			_, reason, field, event := printed(t, w, time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC), fields)
			checkCase(t, c.Field, column, c.Expect, c.Reason, reason, field, event)
		})
	}
}

func checkCase(t *testing.T, inputField, column string, expect *string, wantReason, reason, field string, event map[string]any) {
	t.Helper()
	if wantReason != "" {
		if reason != wantReason || field != inputField {
			t.Errorf("got %q of %q, want %q of %q", reason, field, wantReason, inputField)
		}
		return
	}
	if event == nil {
		t.Fatalf("not stored: %q of %q", reason, field)
	}
	got, present := event[column]
	switch {
	case !present:
		t.Errorf("no column %q", column)
	case expect == nil && got != nil:
		t.Errorf("got %v, want null", got)
	case expect != nil && got != *expect:
		t.Errorf("got %v, want %q", got, *expect)
	}
}

func TestVectors_Actions(t *testing.T) {
	var file map[string][]string
	readVectors(t, "actions.json", &file)
	if len(file) != 12 {
		t.Fatalf("%d actions were read", len(file))
	}
	w := newWorker(t, Defaults())
	keys := map[string]bool{}
	for canonical, spellings := range file {
		for _, spelling := range spellings {
			t.Run(spelling, func(t *testing.T) {
				input, err := json.Marshal(spelling)
				if err != nil {
					t.Fatal(err)
				}
				_, _, _, event := printed(t, w, time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC),
					map[string]json.RawMessage{"subscription_action": input})
				if got := event["subscription_action"]; got != canonical {
					t.Errorf("got %v, want %q", got, canonical)
				}
				if got := event["subscription_action_raw"]; got != spelling {
					t.Errorf("raw is %v", got)
				}
			})
			var key [maxActionKey]byte
			n, _ := actionKey(&key, []byte(spelling))
			keys[string(key[:n])] = true
		}
	}
	if len(w.rules.actions) != len(keys) {
		t.Errorf("%d synonyms are known, the contract lists %d", len(w.rules.actions), len(keys))
	}
}
