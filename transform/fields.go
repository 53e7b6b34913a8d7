package transform

// field is a name of the contract. The order is the documented one (contract
// §3) with user_email and email last: it decides which of two errors of one
// stage is reported.
type field uint8

const (
	subscriptionID field = iota
	userID
	eventTimestamp
	subscriptionAction
	eventName
	resourceName
	nextBilledAt
	billingPeriod
	termType
	termName
	transactionValue
	trialPeriodEndedAt
	trialDuration
	billingCountryCode
	subscriptionPeriodNumber
	paymentMode
	upgradeToSubscriptionID
	userEmailHash
	isInternalUser
	experienceName
	userEmail
	email

	fieldCount
	noField = fieldCount // also what an unknown name means
)

// shape is what a field takes (contract §1).
type shape uint8

const (
	textShape shape = iota
	timestampShape
	amountShape
	countShape
	flagShape
	emailShape
)

// fieldTable says what each field is called and takes. quoted is the name as
// JSON without white space writes it.
var fieldTable = [fieldCount]struct {
	name   string
	quoted string
	shape  shape
}{
	subscriptionID:           {"subscription_id", `"subscription_id":`, textShape},
	userID:                   {"user_id", `"user_id":`, textShape},
	eventTimestamp:           {"event_timestamp", `"event_timestamp":`, timestampShape},
	subscriptionAction:       {"subscription_action", `"subscription_action":`, textShape},
	eventName:                {"event_name", `"event_name":`, textShape},
	resourceName:             {"resource_name", `"resource_name":`, textShape},
	nextBilledAt:             {"next_billed_at", `"next_billed_at":`, timestampShape},
	billingPeriod:            {"billing_period", `"billing_period":`, textShape},
	termType:                 {"term_type", `"term_type":`, textShape},
	termName:                 {"term_name", `"term_name":`, textShape},
	transactionValue:         {"transaction_value", `"transaction_value":`, amountShape},
	trialPeriodEndedAt:       {"trial_period_ended_at", `"trial_period_ended_at":`, timestampShape},
	trialDuration:            {"trial_duration", `"trial_duration":`, textShape},
	billingCountryCode:       {"billing_country_code", `"billing_country_code":`, textShape},
	subscriptionPeriodNumber: {"subscription_period_number", `"subscription_period_number":`, countShape},
	paymentMode:              {"payment_mode", `"payment_mode":`, textShape},
	upgradeToSubscriptionID:  {"upgrade_to_subscription_id", `"upgrade_to_subscription_id":`, textShape},
	userEmailHash:            {"user_email_hash_sha256", `"user_email_hash_sha256":`, emailShape},
	isInternalUser:           {"is_internal_user", `"is_internal_user":`, flagShape},
	experienceName:           {"experience_name", `"experience_name":`, textShape},
	userEmail:                {"user_email", `"user_email":`, emailShape},
	email:                    {"email", `"email":`, emailShape},
}

// String is the canonical name, and empty for no field.
func (f field) String() string {
	if f >= fieldCount {
		return ""
	}
	return fieldTable[f].name
}

// fieldSet is a set of fields, a bit each.
type fieldSet uint32

func (f field) set() fieldSet            { return 1 << f }
func (s fieldSet) has(f field) bool      { return s&f.set() != 0 }
func (s fieldSet) with(f field) fieldSet { return s | f.set() }

// required are the fields without which there is no event.
const required = fieldSet(1<<subscriptionID | 1<<eventTimestamp | 1<<subscriptionAction)
