package world

import "github.com/pianola/pianola/schemas"

// outcome is what the pipeline must do with a message.
type outcome uint8

const (
	stored outcome = iota
	filtered
	deadLettered
	skipped
)

// encoded is one message and its expected result. Its slices hold until the next
// encode.
type encoded struct {
	outcome outcome
	reason  schemas.Reason
	field   field
	value   []byte
	row     *schemas.Event // of a stored event
	// subscription is the id as the tables hold it. It is empty where a pipeline
	// cannot read the id from the message for certain.
	subscription string
}

// oracle collects what a correct pipeline makes of the message that the encoder
// writes. It never reads the message.
type oracle struct {
	*subject
	row      schemas.Event
	arena    []byte // holds the bytes of the row's texts
	internal bool   // a written value makes the filter drop the event
}

func (o *oracle) reset() {
	o.row, o.arena, o.internal = schemas.Event{}, o.arena[:0], false
}

// keep copies a text into the arena.
func (o *oracle) keep(text string) []byte {
	from := len(o.arena)
	o.arena = append(o.arena, text...)
	return o.arena[from:len(o.arena):len(o.arena)]
}

// keepGuarded keeps a text around the person's address, with the address replaced
// as the guard replaces it.
func (o *oracle) keepGuarded(before, after string) []byte {
	from := len(o.arena)
	o.arena = append(appendGuarded(append(o.arena, before...), o.emailAddress), after...)
	return o.arena[from:len(o.arena):len(o.arena)]
}

// emailHash puts the person's hash into the row.
func (o *oracle) emailHash() {
	from := len(o.arena)
	o.arena = appendHash(o.arena, o.emailAddress)
	o.row.UserEmailHashSHA256 = o.arena[from:len(o.arena):len(o.arena)]
}

// instant puts an instant into its column of the row.
func (o *oracle) instant(f field, at int64) {
	switch f {
	case fEventTimestamp:
		o.row.EventTimestamp = schemas.Millis(at)
	case fNextBilledAt:
		o.row.NextBilledAt = schemas.NullMillis{Millis: schemas.Millis(at), Valid: true}
	default:
		o.row.TrialPeriodEndedAt = schemas.NullMillis{Millis: schemas.Millis(at), Valid: true}
	}
}

// text puts a text into its column of the row.
func (o *oracle) text(f field, want []byte) {
	r := &o.row
	columns := [fieldCount]*[]byte{
		fSubscriptionID: &r.SubscriptionID, fUserID: &r.UserID, fSubscriptionAction: &r.SubscriptionActionRaw, fEventName: &r.EventName,
		fResourceName: &r.ResourceName, fBillingPeriod: &r.BillingPeriod, fTermType: &r.TermType, fTermName: &r.TermName,
		fTrialDuration: &r.TrialDuration, fBillingCountryCode: &r.BillingCountryCode, fPaymentMode: &r.PaymentMode,
		fUpgradeToSubscriptionID: &r.UpgradeToSubscriptionID, fUserEmailHash: &r.UserEmailHashSHA256, fExperienceName: &r.ExperienceName,
	}
	*columns[f] = want
}

// result decides the outcome of the written object. Of two faults the pipeline
// reports the one that its stages meet first.
func (o *oracle) result() encoded {
	out := encoded{outcome: stored, field: noField, row: &o.row, subscription: o.sub.stored}
	first := o.faults[0]
	if g := o.faults[1]; g != nil && g.precedes(first) {
		first = g
	}
	unknown := o.rules.unknown(o.event.action)
	if unknown && o.w.cfg.UnknownAction == DeadLetterUnknown && first == nil {
		first = &fault{reason: schemas.UnknownAction, field: fSubscriptionAction, stage: stageAction}
	}
	switch {
	case first != nil && first.stage < stageFilter, first != nil && !o.internal:
		out.outcome, out.reason, out.field, out.row = deadLettered, first.reason, first.field, nil
		if first.stage == stageMessage || first.field == fSubscriptionID || o.faultOf(fSubscriptionID) != nil {
			out.subscription = ""
		}
	case o.internal:
		out.outcome, out.row = filtered, nil
	case unknown && o.w.cfg.UnknownAction == DropUnknown:
		out.outcome, out.row, out.subscription = filtered, nil, ""
	default:
		o.row.ID = eventID(o.row.SubscriptionID, int64(o.row.EventTimestamp), o.row.SubscriptionAction)
	}
	return out
}
