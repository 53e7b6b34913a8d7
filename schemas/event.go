package schemas

import "bytes"

// Millis is an instant in milliseconds since the Unix epoch, UTC: the precision
// of every timestamp column (contract §3).
type Millis int64

// NullMillis is an instant that may be absent; the zero value is absent.
type NullMillis struct {
	Millis Millis
	Valid  bool
}

// Decimal4 is an exact amount in ten-thousandths, the unit of Decimal(18, 4).
// Its magnitude stays below 10^18 (contract §1, transaction_value).
type Decimal4 int64

// NullDecimal4 is an amount that may be absent; the zero value is absent.
type NullDecimal4 struct {
	Decimal4 Decimal4
	Valid    bool
}

// NullInt32 is a count that may be absent; the zero value is absent.
type NullInt32 struct {
	Int32 int32
	Valid bool
}

// EventID is MurmurHash3 x64 128 of the event's identity, h1 then h2, big-endian:
// the byte order of the hexadecimal text (contract §2, event id).
type EventID [16]byte

// Event is one accepted event: the twenty documented columns, the identity, and
// the action as received. A nil text is absent (NULL), except UserID, whose
// absence is the empty text.
//
// The byte slices are borrowed. They point into the message or into the worker,
// and are valid until the worker's next message. Use Clone to keep an event
// longer. Not safe for concurrent use.
type Event struct {
	ID EventID

	SubscriptionID           []byte
	UserID                   []byte
	EventTimestamp           Millis
	SubscriptionAction       []byte
	EventName                []byte
	ResourceName             []byte
	NextBilledAt             NullMillis
	BillingPeriod            []byte
	TermType                 []byte
	TermName                 []byte
	TransactionValue         NullDecimal4
	TrialPeriodEndedAt       NullMillis
	TrialDuration            []byte
	BillingCountryCode       []byte
	SubscriptionPeriodNumber NullInt32
	PaymentMode              []byte
	UpgradeToSubscriptionID  []byte
	UserEmailHashSHA256      []byte // 64 lower-case hexadecimal digits, or nil
	IsInternalUser           bool
	ExperienceName           []byte

	// SubscriptionActionRaw is the action as received, trimmed and guarded.
	SubscriptionActionRaw []byte
}

// Clone returns a copy that borrows nothing.
func (e *Event) Clone() Event {
	out := *e
	for _, text := range []*[]byte{
		&out.SubscriptionID, &out.UserID, &out.SubscriptionAction, &out.EventName, &out.ResourceName, &out.BillingPeriod,
		&out.TermType, &out.TermName, &out.TrialDuration, &out.BillingCountryCode, &out.PaymentMode,
		&out.UpgradeToSubscriptionID, &out.UserEmailHashSHA256, &out.ExperienceName, &out.SubscriptionActionRaw,
	} {
		*text = bytes.Clone(*text)
	}
	return out
}
