package transform

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/pianola/pianola/schemas"
)

// AppendJSON appends the result in the format of `pianola transform`: one JSON
// object without a line end (contract §5). Timestamps are RFC 3339 with three
// fraction digits and Z. Absent values are null, except user_id. Amounts are
// exact numbers.
func (r *Result) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"outcome":`...)
	dst = appendQuoted(dst, []byte(r.Outcome.String()))
	switch r.Outcome {
	case Stored:
		dst = append(dst, `,"event":`...)
		dst = appendEvent(dst, r.Event)
	case DeadLettered:
		dst = append(dst, `,"reason":`...)
		dst = appendQuoted(dst, []byte(r.Reason))
		dst = append(dst, `,"field":`...)
		if r.Field == "" {
			dst = append(dst, "null"...)
		} else {
			dst = appendQuoted(dst, []byte(r.Field))
		}
		dst = append(dst, `,"detail":`...)
		dst = appendQuoted(dst, []byte(r.Detail))
	}
	return append(dst, '}')
}

func appendEvent(dst []byte, e *schemas.Event) []byte {
	dst = append(dst, `{"event_id":"`...)
	dst = hex.AppendEncode(dst, e.ID[:])
	dst = append(dst, '"')
	dst = appendText(dst, "subscription_id", e.SubscriptionID)
	dst = appendText(dst, "user_id", e.UserID)
	dst = appendTime(dst, "event_timestamp", schemas.NullMillis{Millis: e.EventTimestamp, Valid: true})
	dst = appendText(dst, "subscription_action", e.SubscriptionAction)
	dst = appendText(dst, "event_name", e.EventName)
	dst = appendText(dst, "resource_name", e.ResourceName)
	dst = appendTime(dst, "next_billed_at", e.NextBilledAt)
	dst = appendText(dst, "billing_period", e.BillingPeriod)
	dst = appendText(dst, "term_type", e.TermType)
	dst = appendText(dst, "term_name", e.TermName)
	dst = appendAmount(dst, "transaction_value", e.TransactionValue)
	dst = appendTime(dst, "trial_period_ended_at", e.TrialPeriodEndedAt)
	dst = appendText(dst, "trial_duration", e.TrialDuration)
	dst = appendText(dst, "billing_country_code", e.BillingCountryCode)
	dst = appendCount(dst, "subscription_period_number", e.SubscriptionPeriodNumber)
	dst = appendText(dst, "payment_mode", e.PaymentMode)
	dst = appendText(dst, "upgrade_to_subscription_id", e.UpgradeToSubscriptionID)
	dst = appendText(dst, "user_email_hash_sha256", e.UserEmailHashSHA256)
	dst = strconv.AppendBool(appendName(dst, "is_internal_user"), e.IsInternalUser)
	dst = appendText(dst, "experience_name", e.ExperienceName)
	dst = appendText(dst, "subscription_action_raw", e.SubscriptionActionRaw)
	return append(dst, '}')
}

// appendName starts a member that is not the first.
func appendName(dst []byte, name string) []byte {
	dst = append(dst, `,"`...)
	dst = append(dst, name...)
	return append(dst, `":`...)
}

func appendText(dst []byte, name string, text []byte) []byte {
	dst = appendName(dst, name)
	if text == nil {
		return append(dst, "null"...)
	}
	return appendQuoted(dst, text)
}

func appendTime(dst []byte, name string, t schemas.NullMillis) []byte {
	dst = appendName(dst, name)
	if !t.Valid {
		return append(dst, "null"...)
	}
	at := time.UnixMilli(int64(t.Millis)).UTC()
	year, month, day := at.Date()
	hour, minute, second := at.Clock()
	dst = append(dst, '"')
	dst = appendDigits(dst, year, 4)
	dst = appendDigits(append(dst, '-'), int(month), 2)
	dst = appendDigits(append(dst, '-'), day, 2)
	dst = appendDigits(append(dst, 'T'), hour, 2)
	dst = appendDigits(append(dst, ':'), minute, 2)
	dst = appendDigits(append(dst, ':'), second, 2)
	dst = appendDigits(append(dst, '.'), at.Nanosecond()/1e6, 3)
	return append(dst, 'Z', '"')
}

func appendCount(dst []byte, name string, n schemas.NullInt32) []byte {
	dst = appendName(dst, name)
	if !n.Valid {
		return append(dst, "null"...)
	}
	return strconv.AppendInt(dst, int64(n.Int32), 10)
}

// appendDigits writes a non-negative number with a fixed number of digits.
func appendDigits(dst []byte, n, digits int) []byte {
	unit := 1
	for range digits - 1 {
		unit *= 10
	}
	for ; unit > 0; unit /= 10 {
		dst = append(dst, byte('0'+n/unit%10))
	}
	return dst
}

// appendAmount writes ten-thousandths as the shortest exact number.
func appendAmount(dst []byte, name string, amount schemas.NullDecimal4) []byte {
	dst = appendName(dst, name)
	if !amount.Valid {
		return append(dst, "null"...)
	}
	n := int64(amount.Decimal4)
	if n < 0 {
		dst = append(dst, '-')
		n = -n
	}
	dst = strconv.AppendInt(dst, n/10_000, 10)
	rest := n % 10_000
	if rest == 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit := int64(1000); rest > 0; unit /= 10 {
		dst = append(dst, byte('0'+rest/unit))
		rest %= unit
	}
	return dst
}
