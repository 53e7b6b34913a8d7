package pianoapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
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

// ParseEvent returns the row that the value of an event gives. It knows nothing but what
// Produce was called with. The row has no identity.
func ParseEvent(value []byte) (schemas.Event, error) {
	var m eventMessage
	if err := json.Unmarshal(value, &m); err != nil {
		return schemas.Event{}, fmt.Errorf("parse the event of an action: %w", err)
	}
	e := schemas.Event{
		SubscriptionID: []byte(m.SubscriptionID), UserID: []byte(m.UserID), SubscriptionAction: []byte(m.Action),
		EventName: textOrNull(m.EventName), ResourceName: textOrNull(m.Resource), BillingPeriod: textOrNull(m.Period),
		TermType: textOrNull(m.TermType), TermName: textOrNull(m.TermName), BillingCountryCode: textOrNull(m.Country),
		SubscriptionPeriodNumber: schemas.NullInt32{Int32: int32(m.Number), Valid: m.Number != 0},
		PaymentMode:              textOrNull(m.PaymentMode), UpgradeToSubscriptionID: textOrNull(m.ChangeTo),
		UserEmailHashSHA256: textOrNull(m.EmailHash), IsInternalUser: m.Internal, SubscriptionActionRaw: []byte(m.Action),
	}
	if m.Value != "" {
		amount, err := strconv.ParseInt(strings.Replace(string(m.Value), ".", "", 1), 10, 64) // always four places
		if err != nil {
			return e, fmt.Errorf("parse the event of an action: %w", err)
		}
		e.TransactionValue = schemas.NullDecimal4{Decimal4: schemas.Decimal4(amount), Valid: true}
	}
	var at schemas.NullMillis
	for _, one := range []struct {
		text string
		to   *schemas.NullMillis
	}{{m.At, &at}, {m.NextBilledAt, &e.NextBilledAt}, {m.TrialEndsAt, &e.TrialPeriodEndedAt}} {
		if one.text == "" {
			continue
		}
		instant, err := time.Parse(instantLayout, one.text)
		if err != nil {
			return e, fmt.Errorf("parse the event of an action: %w", err)
		}
		*one.to = schemas.NullMillis{Millis: schemas.Millis(instant.UnixMilli()), Valid: true}
	}
	e.EventTimestamp = at.Millis
	return e, nil
}

func textOrNull(text string) []byte {
	if text == "" {
		return nil
	}
	return []byte(text)
}

const instantLayout = "2006-01-02T15:04:05.000Z07:00"

func formatInstant(at schemas.Millis) string {
	return time.UnixMilli(int64(at)).UTC().Format(instantLayout)
}
