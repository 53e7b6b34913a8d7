package transform

// field is a name of the contract, in the documented order (contract §3), with
// user_email and email last. The order decides which of two errors of one stage
// is reported.
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
	noField = fieldCount // also for an unknown name
)

// shape is the type of a field (contract §1).
type shape uint8

const (
	textShape shape = iota
	timestampShape
	amountShape
	countShape
	flagShape
	emailShape
)

// fieldTable has the name and shape of each field. quoted is the name in JSON
// without white space.
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

// String is the canonical name, empty for noField.
func (f field) String() string {
	if f >= fieldCount {
		return ""
	}
	return fieldTable[f].name
}

// fieldSet is a set of fields, one bit each.
type fieldSet uint32

func (f field) set() fieldSet            { return 1 << f }
func (s fieldSet) has(f field) bool      { return s&f.set() != 0 }
func (s fieldSet) with(f field) fieldSet { return s | f.set() }

// required are the fields that every event needs.
const required = fieldSet(1<<subscriptionID | 1<<eventTimestamp | 1<<subscriptionAction)
