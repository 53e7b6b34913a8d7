package metrics

import (
	"cmp"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// status is the status of a subscription. Those from expired on are closed.
type status uint8

const (
	none status = iota
	active
	failAndRetry
	expired
	expiredWithError
	cancelled
	upgraded
)

func (s status) closed() bool { return s >= expired }

// order is the order of actions at one instant. Unknown actions come first.
var order = []string{
	schemas.Created, schemas.TrialStarted, schemas.TrialEnded, schemas.PaymentFailed, schemas.Renewed, schemas.Resumed,
	schemas.AutoRenewEnabled, schemas.AutoRenewDisabled, schemas.Downgraded, schemas.Upgraded, schemas.Canceled, schemas.Expired,
}

func compareEvents(a, b Event) int {
	return cmp.Or(
		cmp.Compare(a.At, b.At),
		cmp.Compare(slices.Index(order, a.Action), slices.Index(order, b.Action)),
		cmp.Compare(a.Action, b.Action))
}

// state is what the events of a subscription say.
type state struct {
	status   status
	created  bool // it has a Created
	failures int
	offSince bool // auto-renew was turned off after the last failure

	autoRenewOn, autoRenewKnown bool
	disabledAt                  schemas.NullMillis

	inTrial, hadTrial bool
	trialEnded        bool // by a TrialEnded, so that there was a trial before
	paidAfterTrial    bool // renewed, reactivated, or charged at the end of the trial
	trialEndsAt       schemas.NullMillis
	trialStartedAt    schemas.NullMillis

	periodEndsAt schemas.NullMillis
	endedAt      schemas.NullMillis
	changeTo     string // the pending change names it
	changeSince  schemas.Millis

	price       schemas.NullDecimal4 // the last one charged
	pricePeriod string               // known when it was charged

	termType, period                        string
	termName, resource, country, experience string
}

// counts reports whether a subscription of this term type has recurring revenue.
func (s *state) counts() bool { return s.termType == "payment" || s.termType == "dynamic" }

// live reports whether it exists and has not ended.
func (s *state) live() bool { return s.status != none && !s.status.closed() }

// inTrialAt reports whether it is in trial at the edge of a day or month. A trial that
// ends exactly then has not ended.
func (s *state) inTrialAt(edge schemas.Millis) bool {
	return s.inTrial && (!s.trialEndsAt.Valid || s.trialEndsAt.Millis >= edge)
}

const (
	dayMillis    = schemas.Millis(24 * 60 * 60 * 1000)
	overdueAfter = 7 * dayMillis
)

func (s *state) overdueAt(edge schemas.Millis) bool {
	return s.live() && s.periodEndsAt.Valid && s.periodEndsAt.Millis+overdueAfter < edge
}

// step is the effect of one event. event is nil if a pending change took effect.
type step struct {
	at            schemas.Millis
	event         *Event
	before, after state
	charged       bool // its value is a price
}

// fold applies the events strictly before an edge and returns the state. visit may be
// nil and gets each step.
func (l *life) fold(edge schemas.Millis, visit func(step)) state {
	events := l.events
	if n := slices.IndexFunc(events, func(e Event) bool { return e.At >= edge }); n >= 0 {
		events = events[:n]
	}
	var s state
	do := func(when schemas.Millis, e *Event, change func() (charged bool)) {
		before := s
		charged := change()
		if visit != nil {
			visit(step{at: when, event: e, before: before, after: s, charged: charged})
		}
	}
	complete := func(until schemas.Millis) {
		if s.changeTo == "" {
			return
		}
		if first, ok := l.firstEvent(s.changeTo); ok && first <= until && first < edge {
			when := max(first, s.changeSince)
			do(when, nil, func() bool {
				s.end(upgraded, when)
				return false
			})
		}
	}
	apply := func(e *Event) {
		complete(e.At)
		do(e.At, e, func() bool { return s.apply(e, l.sub.ID, startsTrial(e, events)) })
	}
	// The earliest Created goes first, even if it is later.
	created := slices.IndexFunc(events, func(e Event) bool { return e.Action == schemas.Created })
	if created >= 0 {
		apply(&events[created])
	}
	for i := range events {
		if i != created {
			apply(&events[i])
		}
	}
	complete(edge)
	return s
}

// startsTrial reports whether a Created starts a trial: by its own end of trial, or by
// a TrialStarted at the same instant.
func startsTrial(e *Event, events []Event) bool {
	return e.Action == schemas.Created && (e.TrialEndsAt.Valid && e.TrialEndsAt.Millis > e.At ||
		slices.ContainsFunc(events, func(o Event) bool { return o.At == e.At && o.Action == schemas.TrialStarted }))
}

// apply applies one event. It reports whether the value of the event is a price.
func (s *state) apply(e *Event, self string, startsTrial bool) (charged bool) {
	if !slices.Contains(order, e.Action) {
		return false
	}
	was := *s
	if s.status == none {
		s.status = active // unless the action says otherwise
	}
	toOther := false
	switch e.Action {
	case schemas.Created:
		if s.created {
			break
		}
		s.created = true
		s.assumeAutoRenew(e)
		if e.TrialEndsAt.Valid && e.TrialEndsAt.Millis > e.At {
			s.startTrial(e)
		}
	case schemas.TrialStarted:
		s.assumeAutoRenew(e)
		s.startTrial(e)
	case schemas.TrialEnded:
		s.inTrial, s.trialEnded = false, true
		s.paidAfterTrial = s.paidAfterTrial || e.Value.Valid && e.Value.Decimal4 > 0
	case schemas.PaymentFailed:
		if !was.status.closed() {
			s.status = failAndRetry
		}
		s.failures, s.offSince = s.failures+1, false
	case schemas.Renewed, schemas.Resumed:
		s.reopen(e.Action, was.status)
	case schemas.AutoRenewEnabled:
		s.disabledAt, s.offSince = schemas.NullMillis{}, false
		s.setAutoRenew(true)
	case schemas.AutoRenewDisabled:
		s.disabledAt, s.offSince = schemas.NullMillis{Millis: e.At, Valid: true}, true
		s.setAutoRenew(false)
	case schemas.Upgraded, schemas.Downgraded:
		toOther = e.ChangeTo != "" && e.ChangeTo != self
		if toOther && !was.status.closed() {
			s.changeTo, s.changeSince = e.ChangeTo, e.At
		}
	case schemas.Canceled:
		if !was.status.closed() {
			s.end(cancelled, e.At)
		}
	case schemas.Expired:
		switch {
		case was.status.closed():
		case s.changeTo != "":
			s.end(upgraded, e.At)
		case s.failures > 0 && !s.offSince:
			s.end(expiredWithError, e.At)
		default:
			s.end(expired, e.At)
		}
	}
	if e.NextBilledAt.Valid && e.Action != schemas.PaymentFailed {
		s.periodEndsAt = e.NextBilledAt
	}
	if !toOther { // otherwise the attributes are those of the other subscription
		s.learn(e)
	}
	charged = e.isPrice(&was, startsTrial)
	if charged {
		s.price, s.pricePeriod = e.Value, s.period
	}
	if s.price.Valid && s.pricePeriod == "" {
		s.pricePeriod = s.period // the first one that is known after the charge
	}
	return charged
}

// isPrice reports whether the value is the price of a billing period.
func (e *Event) isPrice(was *state, startsTrial bool) bool {
	if !e.Value.Valid || e.Value.Decimal4 < 0 {
		return false
	}
	switch e.Action {
	case schemas.Created:
		return !was.created && !startsTrial
	case schemas.TrialEnded:
		return e.Value.Decimal4 > 0
	case schemas.Renewed:
		return true
	case schemas.Resumed:
		return e.Value.Decimal4 > 0 || was.status.closed()
	default:
		return false
	}
}

// learn keeps the latest known attributes.
func (s *state) learn(e *Event) {
	for _, a := range []struct {
		to   *string
		from string
	}{
		{&s.termType, e.TermType}, {&s.period, e.Period}, {&s.termName, e.TermName},
		{&s.resource, e.Resource}, {&s.country, e.Country}, {&s.experience, e.Experience},
	} {
		if a.from != "" {
			*a.to = a.from
		}
	}
}

// assumeAutoRenew takes a next bill for a renewal to come, if nothing else is known.
func (s *state) assumeAutoRenew(e *Event) {
	if !s.autoRenewKnown && e.NextBilledAt.Valid {
		s.autoRenewOn, s.autoRenewKnown = true, true
	}
}

func (s *state) setAutoRenew(on bool) {
	if !s.status.closed() {
		s.autoRenewOn, s.autoRenewKnown = on, true
	}
}

func (s *state) startTrial(e *Event) {
	s.hadTrial, s.inTrial = true, !s.status.closed()
	if e.TrialEndsAt.Valid {
		s.trialEndsAt = e.TrialEndsAt
	}
	if !s.trialStartedAt.Valid && s.inTrial {
		s.trialStartedAt = schemas.NullMillis{Millis: e.At, Valid: true}
	}
}

// reopen applies Renewed and Resumed. Neither has an effect on an upgraded one.
func (s *state) reopen(action string, was status) {
	if was == upgraded {
		return
	}
	if action == schemas.Resumed {
		s.autoRenewOn, s.autoRenewKnown, s.disabledAt = true, true, schemas.NullMillis{}
	} else if !s.autoRenewKnown || was.closed() {
		s.autoRenewOn, s.autoRenewKnown = true, true
	}
	if action == schemas.Renewed || was.closed() {
		s.inTrial, s.paidAfterTrial = false, true
	}
	s.status, s.endedAt, s.failures, s.offSince = active, schemas.NullMillis{}, 0, false
}

// end closes it and drops a pending change.
func (s *state) end(as status, when schemas.Millis) {
	s.status, s.endedAt, s.inTrial, s.changeTo = as, schemas.NullMillis{Millis: when, Valid: true}, false, ""
	s.autoRenewOn, s.autoRenewKnown = false, true
}

// endKind says why a closed one ended.
func (s *state) endKind() EndKind {
	switch {
	case s.status == expiredWithError:
		return Involuntary
	case s.status == upgraded:
		return PlanChange
	case s.status == cancelled:
		return Voluntary
	case s.hadTrial && !s.paidAfterTrial:
		return Trial
	case s.disabledAt.Valid:
		return Voluntary
	default:
		return Unknown
	}
}
