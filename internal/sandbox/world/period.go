package world

// rates are the table's probabilities for one billing period.
type rates struct {
	cancel, upgrade, downgrade float64
	involuntary, recovered     float64
	voluntary                  float64
}

// reenableShare is the share of those who turned auto-renew off and think better of
// it before the period ends.
const reenableShare = 0.12

// recoveryShare is the share of failed payments that succeed at a later try.
const recoveryShare = 0.7

func (l *life) rates() rates {
	months := l.product().months
	churn, failure := 0.0, 0.045
	switch {
	case months >= 12:
		failure = 0.12
		if churn = 0.15; l.nth == 1 {
			churn = 0.25
		}
	case l.nth == 1:
		churn = 0.12
	case l.nth <= 3:
		churn = 0.07
	default:
		churn = 0.035
	}
	if months == 3 {
		churn *= 2
	}
	r := rates{
		cancel:      0.003 * float64(months),
		upgrade:     0.04 * float64(months) / 12,
		downgrade:   0.02 * float64(months) / 12,
		involuntary: failure * (1 - recoveryShare),
		recovered:   failure * recoveryShare,
	}
	// All causes together give the table's churn, so what people decide is what
	// is left, and more have to decide it than stay with it.
	r.voluntary = max(0, churn-r.involuntary-r.cancel) / (1 - reenableShare)
	return r
}

// period decides what becomes of the current billing period and tells it.
func (l *life) period() {
	if l.s.term == termGift {
		l.over = true
		if l.d.chance(0.8) {
			l.emit(event{at: l.end, action: actExpired})
		}
		return
	}
	r := l.rates()
	at := l.d.share()
	for _, fate := range []struct {
		share float64
		live  func()
	}{
		{r.cancel, l.cancel},
		{r.upgrade, func() { l.change(actUpgraded, +1) }},
		{r.downgrade, func() { l.change(actDowngraded, -1) }},
		{r.involuntary, func() { l.retryPayment(retries) }},
		{r.recovered, func() { l.retryPayment(l.someFailures()) }},
		{r.voluntary, l.turnOffAutoRenew},
	} {
		if at < fate.share {
			fate.live()
			return
		}
		at -= fate.share
	}
	l.renew()
}

// renew tells a renewal. Now and then care has moved the bill date, which is no
// event: the renewal comes later than was announced.
func (l *life) renew() {
	if l.d.chance(0.02) {
		l.end += l.d.between(1, 15) * day
	}
	l.renewAt(l.end)
}

// renewAt tells a renewal at an instant, for the period that begins at l.end.
func (l *life) renewAt(at int64) {
	p := l.product()
	l.nth++
	next := l.truncate(monthsLater(l.end, p.months))
	l.emit(event{at: at, action: actRenewed, next: next, value: p.price, hasValue: true, number: uint16(l.nth)})
	l.at, l.end = l.end, next
}

// leave tells that auto-renew is turned off; some turn it on again.
func (l *life) turnOffAutoRenew() {
	at := l.earlyOrAnyTime(0.3)
	l.disable(at)
	if l.d.chance(reenableShare) {
		back := l.within(at, l.end)
		if l.d.chance(0.4) {
			l.emit(event{at: back, action: actResumed})
		}
		l.emit(event{at: back, action: actAutoRenewEnabled, next: l.end})
		l.renew()
		return
	}
	l.expire(l.end)
}

// earlyOrAnyTime is within 24 hours of the period's start with the given
// probability, else anywhere in it.
func (l *life) earlyOrAnyTime(soon float64) int64 {
	if l.d.chance(soon) {
		return l.at + l.d.between(minute, day)
	}
	return l.within(l.at, l.end)
}

func (l *life) disable(at int64) { l.emit(event{at: at, action: actAutoRenewDisabled}) }

// retryDays are when a failed payment is tried again, counted from the first
// failure.
var retryDays = [retries]int64{0, 3, 7, 14}

const retries = 4

// someFailures is how often a payment fails that succeeds in the end.
func (l *life) someFailures() int { return 1 + l.d.below(retries-1) }

// retryPayment tells so many failed payments; after all of them the subscription
// expires, else the next try succeeds.
func (l *life) retryPayment(failures int) {
	for i := range failures {
		e := event{at: l.end + retryDays[i]*day, action: actPaymentFailed}
		if i+1 < retries {
			e.next = l.end + retryDays[i+1]*day
		}
		l.emit(e)
	}
	if failures == retries {
		l.expire(l.end + retryDays[retries-1]*day)
		return
	}
	l.renewAt(l.end + retryDays[failures]*day)
}
