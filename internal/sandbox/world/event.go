package world

import "github.com/pianola/pianola/schemas"

// action is one of the twelve, in the order of their rank (the order in which
// events of one instant are taken), or one of the unknown ones after them.
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

// Texts that are none of the twelve: a digit, or a letter beyond ASCII,
// prevents the match. The last holds the customer's address, which the guard
// has to replace before the text becomes part of the event's identity.
var unknownActions = []string{"Paused", "Refund issued", "Renewed 2", "Renewed 更新", "42", "Gift redeemed by <ADDRESS>"}

const (
	actRefund    = firstUnknownAction + 1
	actAddressed = firstUnknownAction + 5
)

// rare actions are always told in the next of their synonyms; of the others
// only some are.
func (a action) rare() bool {
	switch a {
	case actResumed, actAutoRenewEnabled, actDowngraded, actUpgraded, actCanceled:
		return true
	default:
		return false
	}
}

// event is one clean event of a life. 0 is an absent instant, target 0 names no
// subscription and otherwise the one before it.
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
	hasValue bool  // value is told
	spelling uint8 // counts the events of one action, so that every synonym is met
	flag     uint8 // counts the events of internal people, for their notations
}

// subscription is what stays the same through a life.
type subscription struct {
	id         string // as it is told
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
	number     bool // the id may be told as a JSON number
	changed    bool // it continues another subscription
}
