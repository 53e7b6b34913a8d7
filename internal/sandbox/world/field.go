package world

// field is a field of a message, in the documented order. The two that are read but
// never stored come last, as in the contract's order of errors.
type field uint8

const (
	fSubscriptionID field = iota
	fUserID
	fEventTimestamp
	fSubscriptionAction
	fEventName
	fResourceName
	fNextBilledAt
	fBillingPeriod
	fTermType
	fTermName
	fTransactionValue
	fTrialPeriodEndedAt
	fTrialDuration
	fBillingCountryCode
	fSubscriptionPeriodNumber
	fPaymentMode
	fUpgradeToSubscriptionID
	fUserEmailHash
	fIsInternalUser
	fExperienceName
	fUserEmail
	fEmail
	fieldCount

	noField field = fieldCount
)

var fieldNames = [fieldCount]string{
	"subscription_id", "user_id", "event_timestamp", "subscription_action", "event_name", "resource_name",
	"next_billed_at", "billing_period", "term_type", "term_name", "transaction_value", "trial_period_ended_at",
	"trial_duration", "billing_country_code", "subscription_period_number", "payment_mode",
	"upgrade_to_subscription_id", "user_email_hash_sha256", "is_internal_user", "experience_name",
	"user_email", "email",
}

// String returns the canonical name, or an empty text for noField.
func (f field) String() string {
	if f >= fieldCount {
		return ""
	}
	return fieldNames[f]
}

func (f field) timestamp() bool {
	return f == fEventTimestamp || f == fNextBilledAt || f == fTrialPeriodEndedAt
}

func (f field) aboutEmail() bool { return f == fUserEmailHash || f == fUserEmail || f == fEmail }

func (f field) required() bool {
	return f == fSubscriptionID || f == fEventTimestamp || f == fSubscriptionAction
}
