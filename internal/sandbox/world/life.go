package world

import (
	"cmp"
	"slices"
)

// life simulates one subscription, period by period.
type life struct {
	w    *World
	d    dice
	sub  uint32
	s    subscription // a copy: subscribe may move World.subs
	at   int64        // the start of the current period
	end  int64        // of the current period, as in next_billed_at
	nth  int          // of the paid periods, from 1
	prod productIndex
	over bool
}

// simulateLives simulates every subscription, including those that plan changes add.
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

// sortAndDeduplicate sorts the events of one life. It drops an event with the instant
// and action of another, because they have the same identity.
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

// emit adds an event unless it is outside the year of the stream.
func (l *life) emit(e event) {
	e.at = l.truncate(e.at)
	if e.at < l.w.start || e.at > l.w.end {
		return
	}
	e.sub = l.sub
	if e.target == 0 { // a change to another subscription has the product of that one
		e.product = l.prod
	}
	l.w.events = append(l.w.events, e)
}

// truncate reduces an instant to the subscription's precision.
func (l *life) truncate(at int64) int64 { return at - at%l.s.grain }

func (l *life) product() *product { return &l.w.products[l.prod] }

// within draws an instant between the two, with distance from both.
func (l *life) within(from, to int64) int64 {
	if to-from < 2*day {
		return from + (to-from)/2
	}
	return l.d.between(from+hour, to-hour)
}

// begin emits the start of the subscription, and the end of its trial if it has one.
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

// trial emits the end of a trial. By the table, 50 % of the free and 65 % of the paid
// trials convert.
func (l *life) trial() {
	converts := 0.5
	if l.s.trial == paidTrial {
		converts = 0.65
	}
	const failing = 0.05 // the first payment fails; most of them recover
	converts -= failing * recoveryShare
	switch at := l.d.share(); {
	case at < converts:
		p := l.product()
		ended := event{at: l.end, action: actTrialEnded}
		next := l.truncate(monthsLater(l.end, p.months))
		if l.d.chance(0.3) { // the event of the trial's end has the first payment
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

// unknownAction emits an unknown action in a few periods.
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
