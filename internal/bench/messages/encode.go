package messages

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/go-faster/jx"
	"github.com/twmb/murmur3"

	"github.com/pianola/pianola/schemas"
)

// encoder writes events in the plain notation. It is reused from message to message.
type encoder struct {
	config Config
	dice   *rand.Rand
	json   jx.Encoder
	at     []byte // scratch
}

// defect is why a message cannot be stored.
type defect int

const (
	sound      defect = iota
	notJSON           // the first name has no quotes
	noTime            // without its event_timestamp
	unreadable        // with an event_timestamp that is no time
)

// spelled are the spellings of each action, in a fixed order.
var spelled = func() map[string][]string {
	all := map[string][]string{}
	for spelling, action := range Spellings {
		all[action] = append(all[action], spelling)
	}
	for action := range all {
		slices.Sort(all[action])
		all[action] = append(all[action], action)
	}
	return all
}()

// encode writes the value of message number n, and whether it becomes a row.
func (e *encoder) encode(m *Message, event *schemas.Event, n int) {
	share := e.dice.Float64()
	broken := sound
	if share < e.config.DeadLetters {
		broken = notJSON + defect(e.dice.IntN(3))
	}
	internal := broken == sound && share-e.config.DeadLetters < e.config.Internal && e.config.Internal > 0

	e.json.Reset()
	e.json.ObjStart()
	e.text("subscription_id", event.SubscriptionID)
	e.text("user_id", event.UserID)
	at := e.eventTime(event, n)
	e.writeEventTime(at, broken)
	e.action(event.SubscriptionAction)
	e.text("event_name", event.EventName)
	e.text("resource_name", event.ResourceName)
	e.time("next_billed_at", event.NextBilledAt)
	e.text("billing_period", event.BillingPeriod)
	e.text("term_type", event.TermType)
	e.text("term_name", event.TermName)
	if event.TransactionValue.Valid {
		e.json.FieldStart("transaction_value")
		e.json.Raw(amount(event.TransactionValue.Decimal4))
	}
	e.time("trial_period_ended_at", event.TrialPeriodEndedAt)
	e.text("trial_duration", event.TrialDuration)
	country := event.BillingCountryCode
	if len(country) == 2 {
		country = bytes.ToLower(country)
	}
	e.text("billing_country_code", country)
	if event.SubscriptionPeriodNumber.Valid {
		e.json.FieldStart("subscription_period_number")
		e.json.Int32(event.SubscriptionPeriodNumber.Int32)
	}
	e.text("payment_mode", event.PaymentMode)
	e.text("upgrade_to_subscription_id", event.UpgradeToSubscriptionID)
	e.email(event.UserEmailHashSHA256)
	e.json.FieldStart("is_internal_user")
	e.json.Bool(internal)
	e.text("experience_name", event.ExperienceName)
	e.json.FieldStart("schema_version")
	e.json.Int(2)
	e.pad()
	e.json.ObjEnd()

	m.Value = bytes.Clone(e.json.Bytes())
	if broken == notJSON {
		m.Value = bytes.Replace(m.Value, []byte(`"subscription_id"`), []byte(`subscription_id`), 1)
	}
	m.Stored = broken == sound && !internal
	e.at = append(strconv.AppendInt(append(append(e.at[:0], event.SubscriptionID...), 0), at.UnixMilli(), 10), event.SubscriptionAction...)
	m.Event = murmur3.Sum64(e.at)
}

// text writes a text, unless it is absent.
func (e *encoder) text(name string, text []byte) {
	if len(text) > 0 {
		e.json.FieldStart(name)
		e.json.ByteStr(text)
	}
}

func (e *encoder) time(name string, at schemas.NullMillis) {
	e.json.FieldStart(name)
	if !at.Valid {
		e.json.Null()
		return
	}
	e.instant(time.UnixMilli(int64(at.Millis)))
}

// instant writes RFC 3339, one of eight with another offset than that of UTC.
func (e *encoder) instant(at time.Time) {
	zone := time.UTC
	if e.dice.IntN(8) == 0 {
		zone = copenhagen
	}
	e.at = at.In(zone).AppendFormat(e.at[:0], `"2006-01-02T15:04:05.000Z07:00"`)
	e.json.Raw(e.at)
}

var copenhagen = time.FixedZone("", 3600)

// eventTime is the event's time, in one of the months where the stream has months.
func (e *encoder) eventTime(event *schemas.Event, n int) time.Time {
	months := e.config.Months
	if months == 0 {
		return time.UnixMilli(int64(event.EventTimestamp))
	}
	// Every month has 28 days.
	const days = 28 * 24 * 3600_000
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, -(n % months), 0)
	return first.Add(time.Duration(int64(event.EventTimestamp)%days) * time.Millisecond)
}

func (e *encoder) writeEventTime(at time.Time, broken defect) {
	if broken == noTime {
		return
	}
	e.json.FieldStart("event_timestamp")
	if broken == unreadable {
		e.json.Str("soon")
		return
	}
	e.instant(at)
}

func (e *encoder) action(action []byte) {
	e.json.FieldStart("subscription_action")
	if all := spelled[string(action)]; len(all) > 0 {
		e.json.Str(all[e.dice.IntN(len(all))])
		return
	}
	e.json.ByteStr(action)
}

// email writes the hash, or in one of three messages an invented address in its place.
func (e *encoder) email(hash []byte) {
	if len(hash) > 0 && e.dice.IntN(3) == 0 {
		e.json.FieldStart("email")
		e.json.Str("Reader." + string(hash[:12]) + "@Example.com")
		return
	}
	e.text("user_email_hash_sha256", hash)
}

// pad brings the message to the wanted size with a field that the contract ignores.
func (e *encoder) pad() {
	const around = `,"note":""}`
	if missing := e.config.Bytes - len(e.json.Bytes()) - len(around); missing > 0 {
		e.json.FieldStart("note")
		e.json.ByteStr(bytes.Repeat([]byte("x"), missing))
	}
}

// amount writes ten-thousandths as a decimal number.
func amount(v schemas.Decimal4) []byte {
	b := make([]byte, 0, 24)
	if v < 0 {
		b, v = append(b, '-'), -v
	}
	b = strconv.AppendInt(b, int64(v/10_000), 10)
	if rest := int64(v % 10_000); rest > 0 {
		b = append(b, '.')
		b = append(b, strconv.FormatInt(10_000+rest, 10)[1:]...)
		b = bytes.TrimRight(b, "0")
	}
	return b
}
