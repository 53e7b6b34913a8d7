package world

import "github.com/pianola/pianola/schemas"

// action is one of the twelve known actions, ordered by rank, or an unknown one. The
// rank orders the events of one instant.
type action uint8

const (
	actCreated action = iota
	actTrialStarted
	actTrialEnded
	actPaymentFailed
	actRenewed
	actResumed
	actAutoRenewEnabled
	actAutoRenewDisabled
	actDowngraded
	actUpgraded
	actCanceled
	actExpired
	firstUnknownAction
)

var actionNames = [firstUnknownAction]string{
	schemas.Created, schemas.TrialStarted, schemas.TrialEnded, schemas.PaymentFailed, schemas.Renewed,
	schemas.Resumed, schemas.AutoRenewEnabled, schemas.AutoRenewDisabled, schemas.Downgraded, schemas.Upgraded,
	schemas.Canceled, schemas.Expired,
}

// unknownActions are texts that must not match a known action: a digit or a non-ASCII
// letter prevents the match. The last one holds the customer's address. The guard must
// replace it before the text becomes part of the event's identity.
var unknownActions = []string{unknownPaused, unknownRefund, "Renewed 2", "Renewed 更新", "42", "Gift redeemed by <ADDRESS>"}

// The unknown actions whose letters could be those of a synonym.
const (
	unknownPaused = "Paused"
	unknownRefund = "Refund issued"
)

const (
	actRefund    = firstUnknownAction + 1
	actAddressed = firstUnknownAction + 5
)

// rare reports whether every event of the action uses the next synonym. Of the other
// actions only some events do.
func (a action) rare() bool {
	switch a {
	case actResumed, actAutoRenewEnabled, actDowngraded, actUpgraded, actCanceled:
		return true
	default:
		return false
	}
}

// event is one event of a life, before encoding. An instant of 0 is absent. target is
// the index of another subscription plus 1, or 0.
type event struct {
	at       int64
	next     int64 // next_billed_at
	trialEnd int64
	value    int64 // ten-thousandths
	sub      uint32
	target   uint32
	number   uint16 // subscription_period_number, 0 when absent
	action   action
	product  productIndex
	hasValue bool  // value is present
	spelling uint8 // number among the events of the action, to use every synonym
	flag     uint8 // number among the events of flagged people, to use every notation
}

// subscription holds what is constant in a life.
type subscription struct {
	id         string // as messages have it
	stored     string // after the guard, as the tables hold it
	person     uint32
	events     uint32 // index of the first in World.events
	count      uint32
	partition  int32
	startAt    int64
	grain      int64
	product    productIndex
	term       term
	trial      trial
	trialDays  uint8 // 0 is a month
	payment    uint8
	resource   uint8
	experience uint8
	number     bool // the id may be a JSON number
	changed    bool // it continues another subscription
}
