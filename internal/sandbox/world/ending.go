package world

// expire ends the subscription at the end of its last period.
func (l *life) expire(at int64) {
	l.emit(event{at: at, action: actExpired})
	l.winBack(at)
}

// cancel ends the subscription immediately, for 40 % with a refund of the remaining
// time.
func (l *life) cancel() {
	at := l.within(l.at, l.end)
	e := event{at: at, action: actCanceled}
	if l.d.chance(0.4) {
		left := float64(l.end-at) / float64(l.end-l.at)
		e.value, e.hasValue = -int64(float64(l.product().price)*left), true
	}
	l.emit(e)
	if l.d.chance(0.2) { // a repeated end without effect
		l.emit(event{at: at, action: actExpired})
	}
	l.winBack(at)
}

// winBack resumes 8 % of the ended subscriptions within six months.
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

// change moves to another tier: in place, or with a new subscription whose id the
// event carries. The new one starts immediately or (60 %) at the period's end.
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
	if l.d.chance(0.4) { // the old subscription has its own end event
		l.emit(event{at: starts, action: actExpired})
	}
	l.over = true
}

// otherPeriod switches between a monthly and a yearly period, for a subscription
// without another tier.
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
