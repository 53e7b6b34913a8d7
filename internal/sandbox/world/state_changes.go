package world

import "github.com/pianola/pianola/schemas"

// open makes a subscription without a status active.
func (f *stateBuilder) open() {
	if f.Status == StatusNone {
		f.Status = StatusActive
	}
}

// begin applies what Created and TrialStarted have in common.
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

// renew reopens any subscription except an upgraded one. It keeps a known auto-renew,
// because a renewal may be manual.
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

// resume reverts a pending or actual end.
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

// end closes the subscription and drops a pending change.
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

// completeChange applies a pending change when the new subscription has its first
// event. An earlier end stays.
func (f *stateBuilder) completeChange(now schemas.Millis) {
	if !f.ChangePending || f.Status.Closed() || f.firstEvent == nil {
		return
	}
	first := f.firstEvent(f.pendingTo)
	if first.Valid && first.Millis <= now {
		f.end(StatusUpgraded, max(first.Millis, f.pendingSince))
	}
}
