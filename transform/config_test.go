package transform

import (
	"strings"
	"testing"
	"time"
)

func TestConfig_DefaultsAreValid(t *testing.T) {
	if err := Defaults().Validate(); err != nil {
		t.Error(err)
	}
}

func TestConfig_ReportsEveryMistakeAtOnce(t *testing.T) {
	config := Config{
		MaxMessageBytes: 0,
		FieldAliases: map[string]string{
			"user_id":  "email",       // a known name
			"other":    "no_field",    // an unknown target
			"chain":    "event_time",  // an alias of an alias
			"":         "term_name",   // no name
			"fine":     "term_name",   //
			"fine_too": "email",       //
			"email":    "email",       // a known name, though it changes nothing
			"CASE":     "Term_Name",   // case-sensitive
			"spaced":   " term_name ", // not trimmed
		},
		SourceTimezone:       "Middle-earth/Shire",
		MaxFuture:            -time.Second,
		InternalUserIDs:      []string{"4711", " "},
		InternalEmailDomains: []string{"example.com", "@example.com", "localhost", "", "a.b c.de", ".example.com"},
		UnknownAction:        "ignore",
		ActionSynonyms: map[string]string{
			"paused":                    "Suspended", // an unknown action
			"on hold":                   "canceled",  // not the canonical text
			"Cancelled":                 "Expired",   // already another action
			"stopped":                   "Canceled",  //
			"STOPPED!":                  "Expired",   // the same letters as another
			"tier 2":                    "Upgraded",  // a digit: it would match nothing
			"résilié":                   "Canceled",  // another letter
			"--":                        "Canceled",  // no letter
			"lapsed":                    "Expired",   // built in: harmless
			strings.Repeat("long ", 13): "Expired",   // more letters than the longest
		},
	}
	err := config.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	want := map[string]int{
		"transform.max_message_bytes: ": 1, "transform.field_aliases: ": 7, "transform.source_timezone: ": 1,
		"transform.max_future: ": 1, "transform.internal_user_ids: ": 1, "transform.internal_email_domains: ": 5,
		"transform.unknown_action: ": 1, "transform.action_synonyms: ": 8,
	}
	for key, times := range want {
		if got := strings.Count(err.Error(), key); got != times {
			t.Errorf("%s is named %d times, want %d:\n%v", key, got, times, err)
		}
	}
	if strings.Contains(err.Error(), "@example.com") {
		t.Errorf("what may be an address is repeated: %v", err)
	}
	if _, err := New(config); err == nil {
		t.Error("New compiles what is not valid")
	}
}

// An error is read by others than who wrote the value, which may have come under the
// wrong key.
func TestConfig_RepeatsNoValue(t *testing.T) {
	for _, value := range []string{"kim@example.com", "canary-9f27-secret"} {
		config := Defaults()
		config.FieldAliases = map[string]string{value: "user_mail", "event_time": value}
		config.SourceTimezone = value
		config.UnknownAction = UnknownAction(value)
		config.InternalUserIDs = []string{value, ""}
		config.InternalEmailDomains = []string{value}
		config.ActionSynonyms = map[string]string{value: "Created2", "paused": value}
		_, err := New(config)
		if err == nil || strings.Count(err.Error(), "transform.") < 8 {
			t.Fatalf("not every mistake is reported: %v", err)
		}
		if strings.Contains(err.Error(), value) {
			t.Errorf("the error repeats a value: %v", err)
		}
		if !strings.Contains(err.Error(), "alias 2 of 2") {
			t.Errorf("the error does not show which alias is wrong: %v", err)
		}
	}
}

func TestConfig_Timezone(t *testing.T) {
	for name, valid := range map[string]bool{"UTC": true, "Europe/Copenhagen": true, "": false, "Local": false, "../etc": false} {
		config := Defaults()
		config.SourceTimezone = name
		if err := config.Validate(); (err == nil) != valid {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestConfig_ActionSynonyms: an added text matches as a built-in one does.
func TestConfig_ActionSynonyms(t *testing.T) {
	config := Defaults()
	config.ActionSynonyms = map[string]string{"Subscription paused": "Canceled", "on-hold": "Auto-renew disabled"}
	w := newWorker(t, config)
	for text, want := range map[string]string{
		"subscription_PAUSED": "Canceled", " Subscription Paused! ": "Canceled", "On hold": "Auto-renew disabled",
		"paused": "paused", "subscription paused 2": "subscription paused 2", "cancelled": "Canceled",
	} {
		message := []byte(`{"subscription_id":"s","event_timestamp":1750000000,"subscription_action":"` + text + `"}`)
		r := w.Apply(message, time.Unix(1_760_000_000, 0))
		if r.Outcome != Stored || string(r.Event.SubscriptionAction) != want || string(r.Event.SubscriptionActionRaw) != strings.TrimSpace(text) {
			t.Errorf("%q: %v, action %q, raw %q", text, r.Outcome, r.Event.SubscriptionAction, r.Event.SubscriptionActionRaw)
		}
	}
}
