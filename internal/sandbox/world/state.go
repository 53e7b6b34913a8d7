package world

import (
	"cmp"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/pianola/pianola/schemas"
)

// Status is the status of a subscription by the rules of "State from events".
type Status string

// The statuses that events can give. The last four are closed.
const (
	StatusNone             Status = ""
	StatusActive           Status = "active"
	StatusFailAndRetry     Status = "fail_and_retry"
	StatusExpired          Status = "expired"
	StatusExpiredWithError Status = "expired_with_error"
	StatusCancelled        Status = "cancelled"
	StatusUpgraded         Status = "upgraded"
)

// Closed reports whether the subscription has ended.
func (s Status) Closed() bool {
	switch s {
	case StatusExpired, StatusExpiredWithError, StatusCancelled, StatusUpgraded:
		return true
	default:
		return false
	}
}

// AutoRenew is on, off or unknown.
type AutoRenew int8

// The values of AutoRenew.
const (
	AutoRenewUnknown AutoRenew = iota
	AutoRenewOff
	AutoRenewOn
)

// Fact is the part of an event that affects the state of its subscription. An empty
// text is absent.
type Fact struct {
	At           schemas.Millis
	Action       string
	NextBilledAt schemas.NullMillis
	TrialEndsAt  schemas.NullMillis
	Value        schemas.NullDecimal4
	TermType     string
	Period       string
	ChangeTo     string // upgrade_to_subscription_id
}

// State is the state of a subscription at one moment, computed from its events.
type State struct {
	SubscriptionID      string
	Status              Status
	AutoRenew           AutoRenew
	AutoRenewDisabledAt schemas.NullMillis
	InTrial             bool
	FailedPayments      int
	FailedSince         schemas.NullMillis
	CurrentPeriodEndsAt schemas.NullMillis
	StartedAt           schemas.NullMillis
	EndedAt             schemas.NullMillis
	EndReason           string // empty if not ended
	TermType            string
	BillingPeriod       string
	Price               schemas.NullDecimal4 // of a period, as last charged
	HadTrial            bool
	ConvertedAt         schemas.NullMillis // paid after a trial, before the first end
	Counts              bool               // its term type is payment or dynamic
	MRR                 schemas.Decimal4   // by the price that was charged; 0 without one
	ChangePending       bool
	Partial             bool // its Created is not among the events
	Overdue             bool // not ended seven days after its period's end
}

// overdueAfter is the time after the period's end at which a subscription becomes
// overdue.
const overdueAfter = schemas.Millis(7 * day)

// ranks order events of one instant.
var ranks = func() map[string]int {
	out := make(map[string]int, len(actionNames))
	for i, name := range actionNames {
		out[name] = i + 1
	}
	return out
}()

// StateOf computes the state at a moment from a subscription's events, in any order.
// firstEvent returns the time of another subscription's first event. A change to that
// subscription takes effect then.
func StateOf(id string, facts []Fact, at schemas.Millis, firstEvent func(id string) schemas.NullMillis) State {
	f := stateBuilder{State: State{SubscriptionID: id, Partial: true}, firstEvent: firstEvent}
	ordered := inOrder(facts, at)
	for _, fact := range ordered {
		f.trialAtStart = f.trialAtStart || fact.Action == schemas.TrialStarted && fact.At == ordered[0].At
	}
	for _, fact := range ordered {
		f.completeChange(fact.At)
		f.take(fact)
	}
	f.completeChange(at)
	return f.finish(at)
}

// inOrder sorts the facts up to a moment. The earliest Created comes first even if
// others are older.
func inOrder(facts []Fact, at schemas.Millis) []Fact {
	out := slices.DeleteFunc(slices.Clone(facts), func(f Fact) bool { return f.At > at })
	slices.SortStableFunc(out, func(a, b Fact) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(ranks[a.Action], ranks[b.Action]))
	})
	created := slices.IndexFunc(out, func(f Fact) bool { return f.Action == schemas.Created })
	if created > 0 {
		first := out[created]
		copy(out[1:created+1], out[:created])
		out[0] = first
	}
	return out
}

// stateBuilder applies events in order.
type stateBuilder struct {
	State
	firstEvent func(id string) schemas.NullMillis

	pendingTo     string
	pendingSince  schemas.Millis
	trialEnds     schemas.NullMillis
	hadTrial      bool
	charged       bool // since the trial began
	offAfterFails bool // auto-renew was turned off after the last failure
	trialAtStart  bool // a TrialStarted has the instant of the first event in order
	ended         bool // it has had an end
	pricePeriod   string
}

// take applies one event.
func (f *stateBuilder) take(e Fact) {
	other := e.ChangeTo != "" && e.ChangeTo != f.SubscriptionID
	priced := f.hasPrice(&e)
	f.convert(&e)
	switch e.Action {
	case schemas.Created:
		if f.Partial {
			f.Partial = false
			f.begin(e)
			f.StartedAt = at(e.At)
		}
	case schemas.TrialStarted:
		f.begin(e)
		f.startTrial(e)
		if f.Partial && !f.StartedAt.Valid {
			f.StartedAt = at(e.At)
		}
	case schemas.TrialEnded:
		f.open()
		f.InTrial = false
		f.charged = f.charged || e.Value.Valid && e.Value.Decimal4 > 0
	case schemas.PaymentFailed:
		f.fail(e)
	case schemas.Renewed:
		f.renew()
	case schemas.Resumed:
		f.resume()
	case schemas.AutoRenewEnabled:
		f.open()
		f.AutoRenewDisabledAt = schemas.NullMillis{}
		f.offAfterFails = false
		if !f.Status.Closed() {
			f.AutoRenew = AutoRenewOn
		}
	case schemas.AutoRenewDisabled:
		f.open()
		f.AutoRenewDisabledAt = at(e.At)
		f.offAfterFails = true
		if !f.Status.Closed() {
			f.AutoRenew = AutoRenewOff
		}
	case schemas.Upgraded, schemas.Downgraded:
		f.open()
		if other {
			if !f.Status.Closed() { // an ended one does not wait for another
				f.pendingTo, f.pendingSince, f.ChangePending = e.ChangeTo, e.At, true
			}
			// The plan in this event is that of the other subscription.
			e.TermType, e.Period = "", ""
		}
	case schemas.Canceled:
		if !f.Status.Closed() {
			f.end(StatusCancelled, e.At)
		}
	case schemas.Expired:
		f.expire(e)
	default:
		return // unknown actions have no effect
	}
	f.updateAttributes(e)
	if priced {
		f.Price, f.pricePeriod = e.Value, f.BillingPeriod
	}
	if f.pricePeriod == "" { // the first one that is known
		f.pricePeriod = f.BillingPeriod
	}
}

// updateAttributes keeps the latest attributes. A retry date is not a period end.
func (f *stateBuilder) updateAttributes(e Fact) {
	if e.TermType != "" {
		f.TermType = e.TermType
	}
	if e.Period != "" {
		f.BillingPeriod = e.Period
	}
	if e.NextBilledAt.Valid && e.Action != schemas.PaymentFailed {
		f.CurrentPeriodEndsAt = e.NextBilledAt
	}
}

// hasPrice reports whether the value is the price of a period, before the event is applied.
// The value of a trial is not, nor is a zero where nothing was charged, nor a refund.
func (f *stateBuilder) hasPrice(e *Fact) bool {
	if !e.Value.Valid || e.Value.Decimal4 < 0 {
		return false
	}
	switch e.Action {
	case schemas.Renewed:
		return true
	case schemas.Resumed:
		return e.Value.Decimal4 > 0 || f.Status.Closed()
	case schemas.Created:
		return f.Partial && !f.trialAtStart && (!e.TrialEndsAt.Valid || e.TrialEndsAt.Millis <= e.At)
	case schemas.TrialEnded:
		return e.Value.Decimal4 > 0
	default:
		return false
	}
}

// convert notes the first payment after a trial, before the event is applied.
func (f *stateBuilder) convert(e *Fact) {
	f.ended = f.ended || f.Status.Closed()
	pays := e.Action == schemas.Renewed || e.Action == schemas.TrialEnded && e.Value.Valid && e.Value.Decimal4 > 0
	if pays && f.hadTrial && !f.ended && !f.ConvertedAt.Valid {
		f.ConvertedAt = at(e.At)
	}
}

// finish sets the fields that depend on the moment.
func (f *stateBuilder) finish(now schemas.Millis) State {
	if f.InTrial && f.trialEnds.Valid && f.trialEnds.Millis <= now {
		f.InTrial = false
	}
	closed := f.Status.Closed()
	f.Overdue = !closed && f.Status != StatusNone && f.CurrentPeriodEndsAt.Valid && f.CurrentPeriodEndsAt.Millis+overdueAfter < now
	f.ChangePending = f.ChangePending && !closed
	f.HadTrial = f.hadTrial
	f.Counts = f.TermType == "payment" || f.TermType == "dynamic"
	if !closed && f.Status != StatusNone && f.Counts && !f.InTrial && f.Price.Valid {
		f.MRR = monthly(f.Price.Decimal4, f.pricePeriod)
	}
	if closed {
		f.EndReason = f.reason()
	}
	return f.State
}

// monthly is a price divided by the months of its period, rounded half away from zero; 0
// for an unknown period.
func monthly(price schemas.Decimal4, period string) schemas.Decimal4 {
	number, unit, found := strings.Cut(period, " ")
	n, err := strconv.ParseInt(number, 10, 64)
	if !found || err != nil || n <= 0 {
		return 0
	}
	months := map[string]*big.Rat{
		"month": big.NewRat(n, 1), "year": big.NewRat(12*n, 1), "week": big.NewRat(12*n, 52), "day": big.NewRat(12*n, 365),
	}[strings.TrimSuffix(unit, "s")]
	if months == nil {
		return 0
	}
	rounded, err := strconv.ParseInt(new(big.Rat).Quo(big.NewRat(int64(price), 1), months).FloatString(0), 10, 64)
	if err != nil {
		return 0 // FloatString gives digits only
	}
	return schemas.Decimal4(rounded)
}

// reason returns the end reason of a closed subscription: the first that applies.
func (f *stateBuilder) reason() string {
	switch {
	case f.Status == StatusExpiredWithError:
		return "payment_failed"
	case f.Status == StatusUpgraded:
		return "plan_change"
	case f.Status == StatusCancelled:
		return "cancelled"
	case f.hadTrial && !f.charged:
		return "trial_not_converted"
	case f.AutoRenewDisabledAt.Valid:
		return "auto_renew_off"
	default:
		return "unknown"
	}
}

func at(m schemas.Millis) schemas.NullMillis { return schemas.NullMillis{Millis: m, Valid: true} }
