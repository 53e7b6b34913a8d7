package world

// rates are the table's probabilities per billing period.
type rates struct {
	cancel, upgrade, downgrade float64
	involuntary, recovered     float64
	voluntary                  float64
}

// reenableShare is the share of subscribers who turn auto-renew off and enable it again
// before the period ends.
const reenableShare = 0.12

// recoveryShare is the share of failed payments that succeed at a retry.
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
	// All causes together must give the table's churn. The voluntary part is the
	// rest, increased by those who enable auto-renew again.
	r.voluntary = max(0, churn-r.involuntary-r.cancel) / (1 - reenableShare)
	return r
}

// period draws the outcome of the current billing period and emits its events.
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

// renew emits a renewal. For 2 %, customer support has moved the bill date. That has
// no event, so the renewal comes later than announced.
func (l *life) renew() {
	if l.d.chance(0.02) {
		l.end += l.d.between(1, 15) * day
	}
	l.renewAt(l.end)
}

// renewAt emits a renewal at an instant, for the period that begins at l.end.
func (l *life) renewAt(at int64) {
	p := l.product()
	l.nth++
	next := l.truncate(monthsLater(l.end, p.months))
	l.emit(event{at: at, action: actRenewed, next: next, value: p.price, hasValue: true, number: uint16(l.nth)})
	l.at, l.end = l.end, next
}

// turnOffAutoRenew disables auto-renew. Some subscribers enable it again.
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

// earlyOrAnyTime draws an instant in the first 24 hours of the period with the given
// probability, and otherwise anywhere in the period.
func (l *life) earlyOrAnyTime(soon float64) int64 {
	if l.d.chance(soon) {
		return l.at + l.d.between(minute, day)
	}
	return l.within(l.at, l.end)
}

func (l *life) disable(at int64) { l.emit(event{at: at, action: actAutoRenewDisabled}) }

// retryDays are the days of the payment attempts, counted from the first failure.
var retryDays = [retries]int64{0, 3, 7, 14}

const retries = 4

// someFailures draws the number of failures before a payment succeeds.
func (l *life) someFailures() int { return 1 + l.d.below(retries-1) }

// retryPayment emits failed payments. After the last possible retry the subscription
// expires; otherwise the next retry succeeds.
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
