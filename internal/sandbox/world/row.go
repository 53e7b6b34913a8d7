package world

import (
	"strconv"

	"github.com/google/uuid"

	"github.com/pianola/pianola/schemas"
)

// Row is the expected row of one event in subscription_events: that of the delivery
// with the highest version.
type Row struct {
	schemas.Event
	Version   uint64
	Epoch     uint32 // of the topic, see TopicHistory
	Partition int32
	Offset    int64
}

// AppendContract writes the twenty documented columns in order, as ClickHouse does in
// TabSeparated. Instants are epoch milliseconds, and amounts are Float64 as in the
// contract view.
func (r *Row) AppendContract(b []byte) []byte {
	return r.append20(b, true)
}

// AppendStored writes the columns of subscription_events that Pianola computes: event
// id, the twenty columns with amounts as Decimal, raw action, version, partition and
// offset.
func (r *Row) AppendStored(b []byte) []byte {
	b = r.appendDecided(b)
	b = strconv.AppendInt(append(b, '\t'), int64(r.Partition), 10)
	return strconv.AppendInt(append(b, '\t'), r.Offset, 10)
}

// appendDecided writes the columns of AppendStored up to the version.
func (r *Row) appendDecided(b []byte) []byte {
	b = append(b, uuid.UUID(r.ID).String()...)
	b = r.append20(append(b, '\t'), false)
	b = appendTSV(append(b, '\t'), r.SubscriptionActionRaw)
	return strconv.AppendUint(append(b, '\t'), r.Version, 10)
}

func (r *Row) append20(b []byte, float bool) []byte {
	text := func(v []byte) {
		b = append(b, '\t')
		if v == nil {
			b = append(b, `\N`...)
			return
		}
		b = appendTSV(b, v)
	}
	instant := func(m schemas.NullMillis) {
		b = append(b, '\t')
		if !m.Valid {
			b = append(b, `\N`...)
			return
		}
		b = strconv.AppendInt(b, int64(m.Millis), 10)
	}
	b = appendTSV(b, r.SubscriptionID)
	b = appendTSV(append(b, '\t'), r.UserID) // empty, never NULL
	b = strconv.AppendInt(append(b, '\t'), int64(r.EventTimestamp), 10)
	b = appendTSV(append(b, '\t'), r.SubscriptionAction)
	text(r.EventName)
	text(r.ResourceName)
	instant(r.NextBilledAt)
	text(r.BillingPeriod)
	text(r.TermType)
	text(r.TermName)
	b = append(b, '\t')
	switch {
	case !r.TransactionValue.Valid:
		b = append(b, `\N`...)
	case float:
		b = strconv.AppendFloat(b, float64(r.TransactionValue.Decimal4)/10_000, 'f', -1, 64)
	default:
		b = appendAmount(b, int64(r.TransactionValue.Decimal4))
	}
	instant(r.TrialPeriodEndedAt)
	text(r.TrialDuration)
	text(r.BillingCountryCode)
	b = append(b, '\t')
	if r.SubscriptionPeriodNumber.Valid {
		b = strconv.AppendInt(b, int64(r.SubscriptionPeriodNumber.Int32), 10)
	} else {
		b = append(b, `\N`...)
	}
	text(r.PaymentMode)
	text(r.UpgradeToSubscriptionID)
	text(r.UserEmailHashSHA256)
	b = strconv.AppendBool(append(b, '\t'), r.IsInternalUser)
	text(r.ExperienceName)
	return b
}

// appendTSV escapes as ClickHouse's TabSeparated does.
func appendTSV(b, text []byte) []byte {
	for _, c := range text {
		switch c {
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		case '\r':
			b = append(b, `\r`...)
		case '\n':
			b = append(b, `\n`...)
		case '\t':
			b = append(b, `\t`...)
		case 0:
			b = append(b, `\0`...)
		case '\'':
			b = append(b, `\'`...)
		case '\\':
			b = append(b, `\\`...)
		default:
			b = append(b, c)
		}
	}
	return b
}
