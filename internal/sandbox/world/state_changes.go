package world

import "github.com/pianola/pianola/schemas"

// open makes a subscription of which nothing was known a live one.
func (f *stateBuilder) open() {
	if f.Status == StatusNone {
		f.Status = StatusActive
	}
}

// begin is what Created and TrialStarted have in common.
func (f *stateBuilder) begin(e Fact) {
	f.open()
	if f.AutoRenew == AutoRenewUnknown && e.NextBilledAt.Valid {
		f.AutoRenew = AutoRenewOn
	}
	if e.TrialEndsAt.Valid && e.TrialEndsAt.Millis > e.At {
		f.startTrial(e)
	}
}

func (f *stateBuilder) startTrial(e Fact) {
	f.hadTrial = true
	f.InTrial = !f.Status.Closed()
	if e.TrialEndsAt.Valid {
		f.trialEnds = e.TrialEndsAt
	}
}

func (f *stateBuilder) fail(e Fact) {
	if !f.Status.Closed() {
		f.Status = StatusFailAndRetry
	}
	if f.FailedPayments == 0 {
		f.FailedSince = at(e.At)
	}
	f.FailedPayments++
	f.offAfterFails = false
}

func (f *stateBuilder) clearFailures() {
	f.FailedPayments, f.FailedSince, f.offAfterFails = 0, schemas.NullMillis{}, false
}

// renew reopens all but upgraded ones; it keeps auto-renew where it is known,
// since a renewal may be manual.
func (f *stateBuilder) renew() {
	if f.Status == StatusUpgraded {
		return
	}
	if f.AutoRenew == AutoRenewUnknown || f.Status.Closed() {
		f.AutoRenew = AutoRenewOn
	}
	f.Status = StatusActive
	f.EndedAt = schemas.NullMillis{}
	f.InTrial = false
	f.charged = true
	f.clearFailures()
}

// resume undoes a pending end, or an end.
func (f *stateBuilder) resume() {
	if f.Status == StatusUpgraded {
		return
	}
	if f.Status.Closed() {
		f.InTrial = false
		f.charged = true
	}
	f.Status = StatusActive
	f.EndedAt = schemas.NullMillis{}
	f.AutoRenew = AutoRenewOn
	f.AutoRenewDisabledAt = schemas.NullMillis{}
	f.clearFailures()
}

// end closes it; a change that was pending is not waited for any longer.
func (f *stateBuilder) end(s Status, when schemas.Millis) {
	f.Status, f.EndedAt, f.AutoRenew, f.InTrial = s, at(when), AutoRenewOff, false
	f.pendingTo, f.ChangePending = "", false
}

func (f *stateBuilder) expire(e Fact) {
	switch {
	case f.Status.Closed():
	case f.ChangePending:
		f.end(StatusUpgraded, e.At)
	case f.FailedPayments > 0 && !f.offAfterFails:
		f.end(StatusExpiredWithError, e.At)
	default:
		f.end(StatusExpired, e.At)
	}
}

// completeChange makes a pending change effective once the subscription it leads to
// has its first event. An end that came before stays what it was.
func (f *stateBuilder) completeChange(now schemas.Millis) {
	if !f.ChangePending || f.Status.Closed() || f.firstEvent == nil {
		return
	}
	first := f.firstEvent(f.pendingTo)
	if first.Valid && first.Millis <= now {
		f.end(StatusUpgraded, max(first.Millis, f.pendingSince))
	}
}
