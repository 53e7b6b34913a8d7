package metrics

import (
	"time"

	"github.com/pianola/pianola/schemas"
)

// Input is everything that the tables depend on. The order of the subscriptions and of
// their events has no effect.
type Input struct {
	Subscriptions []Subscription
	// AsOf is the moment of the figures. Only events strictly before it count.
	AsOf schemas.Millis
	// Zone sets the edges of days and months. Nil is UTC.
	Zone *time.Location
}

// Subscription is one subscription: its stored events, and what a snapshot of the API
// knows about it.
type Subscription struct {
	ID string
	// Internal hides a subscription of an internal user. Its first event still completes
	// a plan change that names it.
	Internal bool
	Events   []Event
	Snapshot Snapshot
}

// Event is the part of a stored event that a metric depends on. An empty text is absent.
type Event struct {
	At           schemas.Millis
	Action       string
	UserID       string
	NextBilledAt schemas.NullMillis
	TrialEndsAt  schemas.NullMillis
	Value        schemas.NullDecimal4
	TermType     string
	Period       string // billing_period
	ChangeTo     string // upgrade_to_subscription_id
	TermName     string
	Resource     string
	Country      string
	Experience   string
}

// Snapshot is what the latest snapshot knows. An empty value is unknown.
type Snapshot struct {
	Price     schemas.NullDecimal4 // regular_price, of one billing period
	Currency  string
	Period    string // billing_period
	Plan      string // text of the billing plan
	PromoCode string // from the traits
}

// UnknownCurrency is the currency of a subscription without a known one.
const UnknownCurrency = "unknown"

// Customer owns subscriptions: a user, or a single subscription without a user.
type Customer struct {
	User         string
	Subscription string // empty if the user is known
}
