package reconcile

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// TestRun_AgreesWithTheOracle draws lives of every kind and lets the simulated
// world's own rules, which were written without SQL, say what an API would: there
// is no drift. Then one thing is changed in some of them, and that is the drift.
func TestRun_AgreesWithTheOracle(t *testing.T) {
	tier.Full(t, "compares 1,500 random subscriptions")
	s := newFixture(t)
	s.cfg.Verify = maxVerify
	seed := tier.Seed()
	t.Logf("seed %d", seed)
	w := &drawn{Rand: rand.New(rand.NewPCG(seed, 1)), facts: map[string][]world.Fact{}}
	const subscriptions = 1500
	for i := range subscriptions {
		w.life(i, subscriptions)
	}
	s.events(w.events...)
	var states []world.State
	agreed := map[string]uint64{}
	for i := range subscriptions {
		id := lifeName(i)
		state := world.StateOf(id, w.facts[id], schemas.Millis(noon.UnixMilli()), w.first)
		states = append(states, state)
		one, difference := w.api(state)
		s.api.subscriptions = append(s.api.subscriptions, one)
		if difference != "" {
			agreed["status:"+difference]++
		}
	}
	report := s.run()
	s.want("drift without any", s.drift(), nil)
	s.want("agreed", counts(report.Agreed), counts(agreed))
	if report.Compared != subscriptions {
		t.Errorf("compared %d of %d: %v", report.Compared, subscriptions, report.NotCompared)
	}

	var planted []string
	s.api.subscriptions = slices.DeleteFunc(s.api.subscriptions, func(one piano.Subscription) bool {
		i := slices.IndexFunc(states, func(state world.State) bool { return state.SubscriptionID == one.ID })
		if states[i].Status != world.StatusNone && w.IntN(20) == 0 {
			planted = append(planted, one.ID+" "+string(MissingInAPI))
			return true
		}
		return false
	})
	for i := range s.api.subscriptions {
		one := &s.api.subscriptions[i]
		j := slices.IndexFunc(states, func(state world.State) bool { return state.SubscriptionID == one.ID })
		if kind := w.plant(states[j], one); kind != "" {
			planted = append(planted, one.ID+" "+string(kind))
		}
	}
	for i := range 20 {
		p := agreeing(fmt.Sprintf("unheard%02d", i)).unknown()
		started := noon.Add(-aDay)
		p.api.StartedAt = &started
		s.pairs(p)
		planted = append(planted, p.id+" "+string(MissingInStream))
	}
	slices.Sort(planted)
	s.clock = noon.Add(10 * time.Minute)
	report = s.run()
	got := texts(t, s.conn, "SELECT concat(subscription_id, ' ', kind) AS line FROM "+s.tables.Table("drift")+" FINAL WHERE closed_at IS NULL ORDER BY line")
	s.want("planted", got, planted)
	if report.Candidates != uint64(len(planted)) || report.Verified != report.Candidates {
		t.Errorf("%d planted, %d candidates, %d verified", len(planted), report.Candidates, report.Verified)
	}
}

// drawn are lives by chance.
type drawn struct {
	*rand.Rand
	facts  map[string][]world.Fact
	events []event
}

func lifeName(i int) string { return fmt.Sprintf("s%04d", i) }

// life draws one of the subscriptions 0 to n-1, whose events share few instants of
// the twenty days before yesterday's noon.
func (w *drawn) life(i, n int) {
	id, seen := lifeName(i), map[string]bool{}
	for range 1 + w.IntN(8) {
		e := event{id: id, user: "u", action: append(schemas.Actions(), "Refunded")[w.IntN(13)], ago: aDay * time.Duration(1+w.IntN(20))}
		if key := fmt.Sprint(e.action, e.ago); seen[key] {
			continue
		} else {
			seen[key] = true
		}
		if w.IntN(2) == 0 {
			e.next = time.Duration(w.IntN(40)-10)*aDay + time.Hour // never 0
		}
		if w.IntN(4) == 0 {
			e.trial = time.Duration(w.IntN(30)-20)*aDay + time.Hour
		}
		e.term = []string{"", "payment", "dynamic"}[w.IntN(3)]
		e.period = []string{"", "1 month", "12 months", "1 year", "7 days"}[w.IntN(5)]
		switch w.IntN(3) {
		case 0:
			e.to = lifeName((i + 1 + w.IntN(3)) % (n + 1)) // the last one has no events
		case 1:
			e.to = id
		}
		w.events = append(w.events, e)
		w.facts[id] = append(w.facts[id], world.Fact{At: millis(-e.ago), Action: e.action, NextBilledAt: maybe(e.next), TrialEndsAt: maybe(e.trial),
			TermType: e.term, Period: e.period, ChangeTo: e.to})
	}
}

func millis(afterNoon time.Duration) schemas.Millis {
	return schemas.Millis(noon.Add(afterNoon).UnixMilli())
}

func maybe(afterNoon time.Duration) schemas.NullMillis {
	return schemas.NullMillis{Millis: millis(afterNoon), Valid: afterNoon != 0}
}

// first is a subscription's first event.
func (w *drawn) first(id string) (at schemas.NullMillis) {
	for _, f := range w.facts[id] {
		if !at.Valid || f.At < at.Millis {
			at = schemas.NullMillis{Millis: f.At, Valid: true}
		}
	}
	return at
}

// agrees are other values of the API that agree with a status.
func (w *drawn) agrees(s world.State) []string {
	all := map[world.Status][]string{
		world.StatusActive:           {"wait_confirmed", "pending", "not_started"},
		world.StatusFailAndRetry:     {"active"},
		world.StatusExpired:          {"completed", "deleted"},
		world.StatusExpiredWithError: {"expired"},
		world.StatusCancelled:        {"deleted"},
		world.StatusUpgraded:         {"deleted"},
	}[s.Status]
	if s.ChangePending {
		all = append(all, "upgraded")
	}
	if s.Status == world.StatusExpired && s.FailedPayments > 0 {
		all = append(all, "expired_with_error")
	}
	return all
}

func live(s world.State) bool { return s.Status != world.StatusNone && !s.Status.Closed() }

// api is what an API that knows the state says, with chance where that is not
// compared. difference is "stream→api" where the status is another one that agrees.
func (w *drawn) api(s world.State) (one piano.Subscription, difference string) {
	chance := func() *time.Time { at := noon.Add(time.Duration(w.IntN(1000)) * time.Hour); return &at }
	instant := func(m schemas.NullMillis, known bool) *time.Time {
		if !m.Valid || !known {
			return chance()
		}
		at := time.UnixMilli(int64(m.Millis)).UTC()
		return &at
	}
	one = piano.Subscription{ID: s.SubscriptionID, UserID: "u", Status: string(s.Status),
		StartedAt:  instant(s.StartedAt, !s.Partial),
		NextBillAt: instant(s.CurrentPeriodEndsAt, s.Status == world.StatusActive),
		Term:       piano.Term{Type: s.TermType, BillingPlan: map[string]string{"": "every 5 days", "1 month": "1 month", "12 months": "every year", "1 year": "12 months", "7 days": "every week"}[s.BillingPeriod]},
	}
	if s.Status == world.StatusNone {
		one.Status = piano.Statuses()[w.IntN(len(piano.Statuses()))]
	} else if others := w.agrees(s); len(others) > 0 && w.IntN(4) == 0 {
		one.Status = others[w.IntN(len(others))]
		difference = string(s.Status) + "→" + one.Status
	}
	on := s.AutoRenew == world.AutoRenewOn
	if s.AutoRenew == world.AutoRenewUnknown || !live(s) {
		on = w.IntN(2) == 0
	}
	one.AutoRenew = &on
	return one, difference
}

// plant changes one thing in a quarter of them that ought to be noticed.
func (w *drawn) plant(s world.State, one *piano.Subscription) Kind {
	if w.IntN(4) > 0 {
		return ""
	}
	kind := Kinds()[2+w.IntN(7)] // status to next_bill
	switch {
	case kind == StatusDiffers && s.Status != world.StatusNone:
		for taken := append(w.agrees(s), string(s.Status)); slices.Contains(taken, one.Status); {
			one.Status = piano.Statuses()[w.IntN(len(piano.Statuses()))]
		}
	case kind == AutoRenew && live(s) && s.AutoRenew != world.AutoRenewUnknown && one.Status != "upgraded":
		on := !*one.AutoRenew
		one.AutoRenew = &on
	case kind == TermType && s.TermType != "":
		one.Term.Type = "gift"
	case kind == BillingPeriod && s.BillingPeriod != "":
		one.Term.BillingPlan = "every 2 weeks"
	case kind == StartedAt && s.StartedAt.Valid && !s.Partial:
		at := one.StartedAt.Add(-24*time.Hour - time.Millisecond)
		one.StartedAt = &at
	case kind == UserID:
		one.UserID = "another"
	case kind == NextBill && s.Status == world.StatusActive && s.CurrentPeriodEndsAt.Valid && one.Status != "upgraded":
		at := one.NextBillAt.Add(25 * time.Hour)
		one.NextBillAt = &at
	default:
		return ""
	}
	return kind
}
