package pianoapi

// Subscription is a subscription as the API writes it, with Piano's misspellings.
// Dates are seconds since 1970, or nil. Booleans that are false are absent.
type Subscription struct {
	ID                  string   `json:"subscription_id"`
	AutoRenew           bool     `json:"auto_renew,omitempty"`
	NextBillDate        *int64   `json:"next_bill_date"`
	NextVerification    *int64   `json:"next_verificaition_date"`
	PaymentMethod       string   `json:"payment_method"`
	BillingPlan         string   `json:"billing_plan"`
	Status              string   `json:"status"`
	StatusName          string   `json:"status_name"`
	StatusNameInReports string   `json:"status_name_in_reports"`
	Term                Term     `json:"term"`
	Resource            Resource `json:"resource"`
	User                User     `json:"user"`
	StartDate           int64    `json:"start_date"`
	Cancelable          bool     `json:"cancelable,omitempty"`
	Refundable          bool     `json:"cancelable_and_refundadle,omitempty"`
	ConversionResult    *string  `json:"conversion_result"`
	InTrial             bool     `json:"is_in_trial,omitempty"`
	TrialEndDate        *int64   `json:"trial_period_end_date"`
	TrialAmount         *float64 `json:"trial_amount"`
	TrialCurrency       *string  `json:"trial_currency"`
	EndDate             *int64   `json:"end_date"`
	ChargeCount         int      `json:"charge_count"`
	ExternalSubID       *string  `json:"external_sub_id"`
	AcquisitionType     string   `json:"acquisition_type"`
	*Details

	periodText, priceText        string // as the export has them
	autoRenewDisabled, graceFrom *int64 // only the export has them
}

// Details are the fields that only get has. All are always present: a client cannot
// otherwise tell that an action is not allowed from an API that lacks the field.
type Details struct {
	WillAutoRenew          bool   `json:"will_auto_renew"`
	NextRenewalDate        *int64 `json:"next_renewal_date"`
	CreateDate             int64  `json:"create_date"`
	Active                 bool   `json:"is_active"`
	DeferredCancelable     bool   `json:"deferred_cancelable"`
	CanBeResumed           bool   `json:"can_be_resumed"`
	AutoRenewChangeEnabled bool   `json:"auto_renew_change_enabled"`
	InGracePeriod          bool   `json:"in_grace_period"`
	PaymentInfoID          string `json:"user_payment_info_id"`
}

// Term is the term of a subscription.
type Term struct {
	ID              string         `json:"term_id"`
	AID             string         `json:"aid"`
	Name            string         `json:"name"`
	Description     string         `json:"description"`
	Type            string         `json:"type"`
	TypeName        string         `json:"type_name"`
	BillingPlan     *string        `json:"payment_billing_plan"`
	PlanDescription *string        `json:"payment_billing_plan_description"`
	FirstPrice      *jsonAmount    `json:"payment_first_price"`
	Currency        *string        `json:"payment_currency"`
	HasFreeTrial    bool           `json:"payment_has_free_trial,omitempty"`
	GracePeriod     int            `json:"payment_renew_grace_period"`
	ChangeOptions   []ChangeOption `json:"change_options"`
}

// ChangeOption is a term to which the subscription can change.
type ChangeOption struct {
	ID       string `json:"term_change_option_id"`
	FromTerm string `json:"from_term_id"`
	ToTerm   string `json:"to_term_id"`
	ToName   string `json:"to_term_name"`
}

// Resource is what the subscription gives access to.
type Resource struct {
	ID   string `json:"rid"`
	AID  string `json:"aid"`
	Name string `json:"name"`
	Type string `json:"type"`
}

// User is the owner. All fields except the uid are personal data.
type User struct {
	UID          string `json:"uid"`
	Email        string `json:"email"`
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name"`
	PersonalName string `json:"personal_name"`
	CreateDate   int64  `json:"create_date"`
	LastLogin    int64  `json:"last_login"`
}

// jsonAmount is an exact amount, written as a JSON number.
type jsonAmount string

// MarshalJSON writes the number.
func (a jsonAmount) MarshalJSON() ([]byte, error) { return []byte(a), nil }

// live reports whether a status is that of a subscription that has not ended.
func live(status string) bool {
	switch status {
	case "active", "wait_confirmed", "pending", "not_started", "fail_and_retry":
		return true
	default:
		return false
	}
}

// reportStatus returns the word of the reports for a raw status; empty without one.
func reportStatus(status string) string {
	for word, raw := range reportStatuses {
		if raw == status {
			return word
		}
	}
	return ""
}

// statusName returns a status as the console and the export display it.
func statusName(status string) string {
	switch status {
	case "cancelled":
		return "Canceled"
	case "fail_and_retry":
		return "Fail and retry"
	case "expired_with_error":
		return "Expired with error"
	case "wait_confirmed":
		return "Wait confirmed"
	case "not_started":
		return "Not started"
	case "":
		return ""
	default:
		return string(status[0]-'a'+'A') + status[1:]
	}
}
