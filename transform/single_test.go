package transform_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// TestSingle_IsWhatAMessageGoesThrough puts the same values through the stages as
// messages, and through the functions for single values.
func TestSingle_IsWhatAMessageGoesThrough(t *testing.T) {
	config := transform.Defaults()
	config.SourceTimezone = "Europe/Copenhagen"
	config.InternalUserIDs = []string{"staff-1"}
	config.InternalEmailDomains = []string{"Example.org"}
	rules, err := transform.New(config)
	if err != nil {
		t.Fatal(err)
	}
	worker := rules.NewWorker()
	now := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	apply := func(fields map[string]string) *transform.Result {
		fields["event_timestamp"], fields["subscription_action"] = "2026-01-01T00:00:00Z", "Created"
		if _, given := fields["subscription_id"]; !given {
			fields["subscription_id"] = "s1"
		}
		message, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		return worker.Apply(message, now)
	}
	for _, text := range []string{
		"2026-03-29T01:30:00Z", "2026-03-29 02:30:00", "2026-10-25 02:30:00", "2026-03-29 18:10:02 +0200", "2026-03-29",
		"1767225600", "1767225600000", " 0 ", "", "9999-12-31", "-1", "20260329", "soon", "1969-12-31T23:00:00Z", "1970-01-01", "1970-01-02 01:00:00", "1970-01-02 01:00:01", "20529", "1999-12-31", "2026-02-30",
	} {
		got, err := rules.Timestamp(text)
		result := apply(map[string]string{"next_billed_at": text})
		if (err == nil) != (result.Outcome == transform.Stored) {
			t.Errorf("%q: %v, and the message is %v", text, err, result.Outcome)
		} else if err == nil && got != result.Event.NextBilledAt {
			t.Errorf("%q: got %v, the message %v", text, got, result.Event.NextBilledAt)
		}
		outOfRange := result.Outcome == transform.DeadLettered && result.Reason == schemas.TimestampOutOfRange
		if errors.Is(err, transform.ErrTimestampRange) != outOfRange {
			t.Errorf("%q: %v, and the message's reason is %v", text, err, result.Reason)
		}
	}
	for _, text := range []string{"plain", "for Kari@Example.com!", "a@b", "æ@ø.dk and b@c.de", "u=kari%40example.com&x", "kari\uff20exa\u00admple\uff0ecom"} {
		if got, want := transform.Guard(text), string(apply(map[string]string{"subscription_id": text}).Event.SubscriptionID); got != want {
			t.Errorf("guard %q: got %q, the message %q", text, got, want)
		}
	}
	for _, text := range []string{" Kari@Example.com ", "kari@example.com", "ÆØÅ@example.dk", "\u200b kari%40example.com \ufeff", "a\u030a@example\u3002dk"} {
		got, ok := transform.HashAddress(text)
		if want := string(apply(map[string]string{"user_email": text}).Event.UserEmailHashSHA256); !ok || got != want {
			t.Errorf("hash: got %q, %v, the message %q", got, ok, want)
		}
	}
	if _, ok := transform.HashAddress("no address"); ok {
		t.Error("a text that is no address has a hash")
	}
	for _, c := range []struct{ user, email string }{
		{"staff-1", ""}, {" staff-1 ", ""}, {"u1", "a@example.org"}, {"b@EXAMPLE.ORG", ""}, {"b%40example.org", ""}, {"u1", "\u200bb\uff20example\uff0eorg"}, {"u1", "a@www.example.org"}, {"", ""}, {"u1", ""},
	} {
		got := rules.Internal(c.user, c.email)
		want := apply(map[string]string{"user_id": c.user, "user_email": c.email}).Outcome == transform.Filtered
		if got != want {
			t.Errorf("internal %q %q: got %v, the message %v", c.user, c.email, got, want)
		}
	}
}
