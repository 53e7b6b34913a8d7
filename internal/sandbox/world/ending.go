package world

// expire tells the end of the last period.
func (l *life) expire(at int64) {
	l.emit(event{at: at, action: actExpired})
	l.winBack(at)
}

// cancel tells an end at once, for 40 % with a refund of what is left.
func (l *life) cancel() {
	at := l.within(l.at, l.end)
	e := event{at: at, action: actCanceled}
	if l.d.chance(0.4) {
		left := float64(l.end-at) / float64(l.end-l.at)
		e.value, e.hasValue = -int64(float64(l.product().price)*left), true
	}
	l.emit(e)
	if l.d.chance(0.2) { // an echo that changes nothing
		l.emit(event{at: at, action: actExpired})
	}
	l.winBack(at)
}

// winBack lets 8 % return within six months of an end.
func (l *life) winBack(at int64) {
	if !l.d.chance(0.08) {
		l.over = true
		return
	}
	back := l.truncate(at + l.d.between(3*day, 182*day))
	p := l.product()
	l.at, l.end = back, l.truncate(monthsLater(back, p.months))
	l.nth++
	l.emit(event{at: back, action: actResumed, next: l.end, value: p.price, hasValue: true, number: uint16(l.nth)})
}

// change tells a move to another tier: in place, or to a new subscription that
// is named, at once or (60 %) when the current period ends.
func (l *life) change(act action, by int) {
	to, ok := l.prod.tierMoved(by)
	if !ok {
		to, ok = l.otherPeriod()
	}
	if !ok {
		l.renew()
		return
	}
	at := l.within(l.at, l.end)
	if l.d.chance(0.2) { // in place
		l.prod = to
		p := l.product()
		l.emit(event{at: at, action: act, next: l.end, value: p.price * l.d.between(5, 60) / 100, hasValue: true, number: uint16(l.nth)})
		l.renew()
		return
	}
	starts := at
	if l.d.chance(0.6) {
		starts = l.end
	}
	target := l.w.subscribe(&l.d, l.s.person, l.truncate(starts), int(l.sub))
	l.w.subs[target].product = to
	l.emit(event{at: at, action: act, target: target + 1, product: to})
	if l.d.chance(0.4) { // the old one says that it is over, too
		l.emit(event{at: starts, action: actExpired})
	}
	l.over = true
}

// otherPeriod changes between paying by the month and by the year, for those
// who have no tier left to move to.
func (l *life) otherPeriod() (productIndex, bool) {
	tier, currency, period := int(l.prod)/(currencies*periods), int(l.prod)/periods%currencies, int(l.prod)%periods
	switch period {
	case 0:
		return productOf(tier, currency, 2), true
	case 2:
		return productOf(tier, currency, 0), true
	default:
		return 0, false
	}
}
