package pianoapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// eventMessage is an event of Piano's stream: the documented fields in order,
// without the absent ones.
type eventMessage struct {
	SubscriptionID string      `json:"subscription_id"`
	UserID         string      `json:"user_id,omitempty"`
	At             string      `json:"event_timestamp"`
	Action         string      `json:"subscription_action"`
	EventName      string      `json:"event_name"`
	Resource       string      `json:"resource_name,omitempty"`
	NextBilledAt   string      `json:"next_billed_at,omitempty"`
	Period         string      `json:"billing_period,omitempty"`
	TermType       string      `json:"term_type"`
	TermName       string      `json:"term_name"`
	Value          json.Number `json:"transaction_value,omitempty"`
	TrialEndsAt    string      `json:"trial_period_ended_at,omitempty"`
	Country        string      `json:"billing_country_code,omitempty"`
	Number         int         `json:"subscription_period_number,omitempty"`
	PaymentMode    string      `json:"payment_mode"`
	ChangeTo       string      `json:"upgrade_to_subscription_id,omitempty"`
	EmailHash      string      `json:"user_email_hash_sha256"`
	Internal       bool        `json:"is_internal_user"`
	SchemaVersion  int         `json:"schema_version"`
}

// eventJSON encodes the event of a step.
func eventJSON(s *step, product *world.Product) []byte {
	f, r := &s.fact, s.r
	hash := sha256.Sum256([]byte(strings.ToLower(r.user.email)))
	m := eventMessage{
		SubscriptionID: r.id, UserID: r.user.uid, At: formatInstant(f.At), Action: f.Action, EventName: "subscription_event",
		Resource: r.resource, Period: f.Period, TermType: f.TermType, TermName: product.Name, Number: s.number,
		Country: r.country, PaymentMode: "Credit Card", ChangeTo: f.ChangeTo, EmailHash: hex.EncodeToString(hash[:]), SchemaVersion: 2,
	}
	if f.NextBilledAt.Valid {
		m.NextBilledAt = formatInstant(f.NextBilledAt.Millis)
	}
	if f.TrialEndsAt.Valid {
		m.TrialEndsAt = formatInstant(f.TrialEndsAt.Millis)
	}
	if f.Value.Valid {
		sign, v := "", f.Value.Decimal4
		if v < 0 {
			sign, v = "-", -v
		}
		m.Value = json.Number(fmt.Sprintf("%s%d.%04d", sign, v/10_000, v%10_000))
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // cannot happen: all fields are texts, numbers and booleans
	}
	return text
}

func formatInstant(at schemas.Millis) string {
	return time.UnixMilli(int64(at)).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
