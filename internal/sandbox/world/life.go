package world

import (
	"cmp"
	"slices"
)

// life simulates one subscription from its start to its last end, period by
// period, with the probabilities of the table "The simulated world".
type life struct {
	w    *World
	d    dice
	sub  uint32
	s    subscription // a copy: subscribe may move World.subs
	at   int64        // the start of the current period
	end  int64        // what the current period's next_billed_at says
	nth  int          // of the paid periods, from 1
	prod productIndex
	over bool
}

// simulateLives simulates every subscription, those that plan changes add as well.
func (w *World) simulateLives() {
	w.events = make([]event, 0, 9*w.cfg.Subscribers)
	var spellings [256]uint8
	var flags uint8
	for i := 0; i < len(w.subs); i++ {
		l := life{w: w, sub: uint32(i), s: w.subs[i], prod: w.subs[i].product}
		l.d.seed(w.cfg.Seed, streamLives, uint64(i))
		first := len(w.events)
		l.run()
		w.subs[i].events = uint32(first)
		w.events = sortAndDeduplicate(w.events, first)
		w.subs[i].count = uint32(len(w.events) - first)
		for j := range w.events[first:] {
			e := &w.events[first+j]
			e.spelling = spellings[e.action]
			spellings[e.action]++
			if w.people[w.subs[i].person].internal == internalByFlag {
				e.flag = flags
				flags++
			}
		}
	}
}

// tidy puts one life's events in their order and drops those that would have
// the identity of another: one instant and action is one event.
func sortAndDeduplicate(events []event, first int) []event {
	mine := events[first:]
	slices.SortStableFunc(mine, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.action, b.action))
	})
	kept := slices.CompactFunc(mine, func(a, b event) bool { return a.at == b.at && a.action == b.action })
	return events[:first+len(kept)]
}

func (l *life) run() {
	l.at = l.truncate(l.s.startAt)
	l.nth = 1
	l.begin()
	for !l.over && l.at <= l.w.end {
		l.unknownAction()
		l.period()
	}
}

// tell adds an event unless it lies outside the stream's year.
func (l *life) emit(e event) {
	e.at = l.truncate(e.at)
	if e.at < l.w.start || e.at > l.w.end {
		return
	}
	e.sub = l.sub
	if e.target == 0 { // a change that names another subscription tells that one's product
		e.product = l.prod
	}
	l.w.events = append(l.w.events, e)
}

// grained cuts an instant to the subscription's precision.
func (l *life) truncate(at int64) int64 { return at - at%l.s.grain }

func (l *life) product() *product { return &l.w.products[l.prod] }

// within is an instant between the two, clear of both ends.
func (l *life) within(from, to int64) int64 {
	if to-from < 2*day {
		return from + (to-from)/2
	}
	return l.d.between(from+hour, to-hour)
}

// begin tells how the subscription starts and, where there is a trial, how that
// ends.
func (l *life) begin() {
	p := l.product()
	created := event{at: l.at, action: actCreated, value: p.price, hasValue: true, number: 1}
	l.end = l.truncate(monthsLater(l.at, p.months))
	created.next = l.end
	switch {
	case l.s.term == termGift:
		created.next = 0 // paid once, never renewed
	case l.s.term == termOther:
		created.value = 0
	case l.s.changed && l.d.chance(0.5):
		created.value = p.price * l.d.between(20, 100) / 100 // prorated
	}
	if l.s.trial == noTrial {
		l.emit(created)
		return
	}
	if l.s.trialDays == 0 {
		l.end = l.truncate(monthsLater(l.at, 1))
	} else {
		l.end = l.at + int64(l.s.trialDays)*day
	}
	created.next, created.trialEnd, created.number = l.end, l.end, 0
	created.value = 0
	if l.s.trial == paidTrial {
		created.value = p.monthly / 10
	}
	l.emit(created)
	l.emit(event{at: l.at, action: actTrialStarted, trialEnd: l.end})
	l.trial()
}

// trial tells the end of a trial: the table lets half of the free and 65 % of
// the paid ones convert.
func (l *life) trial() {
	converts := 0.5
	if l.s.trial == paidTrial {
		converts = 0.65
	}
	const failing = 0.05 // whose first payment fails; as ever, most of them recover
	converts -= failing * recoveryShare
	switch at := l.d.share(); {
	case at < converts:
		p := l.product()
		ended := event{at: l.end, action: actTrialEnded}
		next := l.truncate(monthsLater(l.end, p.months))
		if l.d.chance(0.3) { // the first payment is told with the trial's end
			ended.value, ended.hasValue, ended.next, ended.number = p.price, true, next, 1
			l.emit(ended)
		} else {
			l.emit(ended)
			l.emit(event{at: l.end, action: actRenewed, next: next, value: p.price, hasValue: true, number: 1})
		}
		l.at, l.end = l.end, next
	case at < converts+failing:
		l.emit(event{at: l.end, action: actTrialEnded})
		l.nth = 0
		if l.d.chance(recoveryShare) {
			l.retryPayment(l.someFailures())
		} else {
			l.retryPayment(retries)
		}
	default:
		l.disable(l.earlyOrAnyTime(0.5))
		l.emit(event{at: l.end, action: actTrialEnded})
		l.expire(l.end)
	}
}

// unknownAction tells, now and then, what is none of the twelve actions.
func (l *life) unknownAction() {
	if !l.d.chance(0.015) {
		return
	}
	e := event{at: l.within(l.at, l.end), action: firstUnknownAction + action(l.d.below(len(unknownActions)))}
	if e.action == actRefund { // a refund without revocation
		e.value, e.hasValue = -l.product().price*l.d.between(10, 100)/100, true
	}
	if e.action == actAddressed {
		e.value, e.hasValue = 0, true
	}
	l.emit(e)
}
