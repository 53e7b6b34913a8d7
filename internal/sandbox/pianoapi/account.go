package pianoapi

import (
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// account is what the billing system knows about one subscription, before it is
// rendered in Piano's fields.
type account struct {
	uid       string
	status    string
	autoRenew bool
	startedAt schemas.Millis
	endsAt    schemas.NullMillis
	nextBill  schemas.NullMillis
	trialEnds schemas.NullMillis
	inTrial   bool
	disabled  schemas.NullMillis // auto-renew
	failing   schemas.NullMillis // since the first failed payment of the period
	charges   int
	term      string
	months    int // per billing period; 0 without one
	price     schemas.NullDecimal4
	// plain selects the most common forms, which cannot be misread. It is set where
	// drift is planted.
	plain bool
}

// subscriptionOf computes what the API returns for a record.
func (p *Publisher) subscriptionOf(r *record, facts []world.Fact) Subscription {
	var a account
	draw := drawFor(p.cfg.Seed, r.id, len(facts))
	if r.fixed != nil {
		a = *r.fixed
	} else {
		r.state = world.StateOf(r.stored, facts, max(p.millis(), p.schedule.lastAt), p.firstEvent)
		a = p.account(r, facts)
		if r.plant == nil && r.state.Status != world.StatusNone {
			a.status = acceptedStatus(draw, r.state, lastFailure(facts), p.millis())
		}
	}
	if r.plant != nil {
		a.plain = true
		r.plant(&a)
	}
	if !live(a.status) {
		a.nextBill = schemas.NullMillis{}
	}
	return p.renderer.render(r, &a, draw)
}

// account derives the account from the events. The billing system also knows what
// the stream does not have.
func (p *Publisher) account(r *record, facts []world.Fact) account {
	st := &r.state
	a := account{
		uid: r.user.uid, status: string(st.Status), autoRenew: st.AutoRenew == world.AutoRenewOn,
		startedAt: r.begun, endsAt: st.EndedAt, nextBill: st.CurrentPeriodEndsAt, inTrial: st.InTrial,
		disabled: st.AutoRenewDisabledAt, failing: st.FailedSince,
		term: r.term, price: st.Price, months: monthsOf(st.BillingPeriod),
	}
	if st.Status == world.StatusNone { // no row has an effect on the state
		a.status = string(world.StatusActive)
	}
	if st.StartedAt.Valid {
		a.startedAt = st.StartedAt.Millis
	}
	if st.TermType != "" {
		a.term = st.TermType
	}
	if r.moved {
		a.nextBill = r.nextBill
	}
	for _, f := range facts {
		if f.TrialEndsAt.Valid {
			a.trialEnds = f.TrialEndsAt
		}
		if f.Value.Valid && f.Value.Decimal4 > 0 {
			a.charges++
		}
	}
	if !a.price.Valid && a.months > 0 { // never charged: the price of the plan
		a.price = schemas.NullDecimal4{Decimal4: p.terms[r.product].Price, Valid: true}
	}
	if st.Status.Closed() {
		a.autoRenew = false
	} else if !a.autoRenew && st.CurrentPeriodEndsAt.Valid {
		a.endsAt = st.CurrentPeriodEndsAt
	}
	return a
}

// monthsOf parses the world's texts of billing periods.
func monthsOf(period string) int {
	switch period {
	case "1 month":
		return 1
	case "3 months":
		return 3
	case "1 year":
		return 12
	case "2 years":
		return 24
	default:
		return 0
	}
}

// lastFailure returns the time of the last failed payment.
func lastFailure(facts []world.Fact) (at schemas.NullMillis) {
	for _, f := range facts {
		if f.Action == schemas.PaymentFailed && (!at.Valid || f.At > at.Millis) {
			at = schemas.NullMillis{Millis: f.At, Valid: true}
		}
	}
	return at
}

// hasEvents reports whether subscriptions of a term type have events. Only these are
// reconciled.
func hasEvents(term string) bool { return term == "payment" || term == "dynamic" }

// termName returns a term type as the console displays it.
func termName(term string) string {
	if term == "" {
		return ""
	}
	return strings.ToUpper(term[:1]) + strings.ReplaceAll(term[1:], "_", " ")
}

// drawFor returns the random generator of one subscription after a number of events.
// It always gives the same sequence.
func drawFor(seed uint64, id string, events int) *rand.Rand {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(id + " " + strconv.Itoa(events))) // never an error
	return rand.New(rand.NewPCG(seed, hash.Sum64()))
}

// synonymShare is the share of statuses with another value that reconciliation
// accepts as agreement.
const synonymShare = 0.15

const day = schemas.Millis(24 * 60 * 60 * 1000)

// acceptedStatus returns a status of the API that agrees with the derived status.
// Usually it is the same.
func acceptedStatus(draw *rand.Rand, st world.State, failedAt schemas.NullMillis, now schemas.Millis) string {
	if draw.Float64() >= synonymShare {
		return string(st.Status)
	}
	var others []string
	switch st.Status {
	case world.StatusActive:
		others = []string{"wait_confirmed", "pending", "not_started"}
	case world.StatusFailAndRetry:
		if failedAt.Valid && now-failedAt.Millis < 29*day { // the limit is 30 days, and the run takes time
			others = []string{"active"}
		}
	case world.StatusExpired:
		others = []string{"completed", "deleted"}
		if st.FailedPayments > 0 {
			others = append(others, "expired_with_error")
		}
	case world.StatusExpiredWithError:
		others = []string{"expired"}
	case world.StatusCancelled, world.StatusUpgraded:
		others = []string{"deleted"}
	}
	if st.ChangePending {
		others = append(others, "upgraded")
	}
	if len(others) == 0 {
		return string(st.Status)
	}
	return others[draw.IntN(len(others))]
}
