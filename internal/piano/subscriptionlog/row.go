package subscriptionlog

import (
	"time"

	"github.com/shopspring/decimal"
)

// Row is one subscription of the log.
type Row struct {
	Traits

	// Status and TermType are the names of the API, see words.go. TermType is empty where
	// the log has no value.
	Status   string
	TermType string

	RegularPrice *decimal.Decimal // four places; the log has no currency
	ChargeCount  *int32

	// Internal: the internal-user filter drops it. This is decided while reading, since
	// the address is not kept.
	Internal bool
}

// Traits are the thirty columns that customers sync, in the documented order. Texts are
// trimmed and after the guard; instants are UTC with milliseconds; amounts have four
// places. Absent values are nil or empty.
type Traits struct {
	SubscriptionID        string
	CreatedAt             *time.Time
	StartedAt             *time.Time
	EndedAt               *time.Time
	DaysSubscribed        *int32
	SubscriptionStatus    string
	UpgradeStatus         string
	TrialStatus           string
	TrialPeriodEndedAt    *time.Time
	AutoRenew             *bool
	AutoRenewDisabledAt   *time.Time
	BillingPeriod         string
	TotalCharged          *decimal.Decimal
	NextBilledAt          *time.Time
	Renewed               string
	InGracePeriod         *bool
	GracePeriodStartedAt  *time.Time
	GracePeriodExtendedTo *time.Time
	UserID                string
	AccessExpiresAt       *time.Time
	ResourceID            string
	ResourceName          string
	TermID                string
	TermName              string
	TermType              string
	TemplateID            string
	TemplateName          string
	OfferID               string
	OfferName             string
	PromoCode             string
}
