package subscriptionlog

import (
	"time"

	"github.com/shopspring/decimal"
)

// Row is one subscription of the log.
type Row struct {
	Traits

	// Status and TermType are the API's words for what the log says in its own:
	// see words.go. TermType is empty where the log names none.
	Status   string
	TermType string

	RegularPrice *decimal.Decimal // four places; the log names no currency
	ChargeCount  *int32

	// Internal says that the internal-user filter drops it: decided while reading,
	// since the address that decides is not kept.
	Internal bool
}

// Traits are the thirty columns that customers sync, in the order in which they
// are documented. Texts are as the file writes them, trimmed and after the guard,
// and empty where it has none; instants are UTC with milliseconds; amounts have
// four places. What is absent is nil or empty.
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
