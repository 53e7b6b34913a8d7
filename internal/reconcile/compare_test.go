package reconcile

import (
	"testing"
	"time"

	"github.com/pianola/pianola/internal/piano"
)

// pair is one subscription as both sides have it; what a change leaves alone
// agrees.
type pair struct {
	id     string
	events []event
	api    *piano.Subscription
}

// agreeing is a subscription in its second month, on which both sides agree.
func agreeing(id string) *pair {
	yes, started, next := true, noon.Add(-40*aDay), noon.Add(20*aDay)
	return &pair{
		id: id,
		events: []event{
			{id: id, user: "u", action: "Created", ago: 40 * aDay, next: -10 * aDay, term: "payment", period: "1 month", value: "9.99"},
			{id: id, user: "u", action: "Renewed", ago: 10 * aDay, next: 20 * aDay, value: "9.99"},
		},
		api: &piano.Subscription{ID: id, UserID: "u", Status: "active", StartedAt: &started, NextBillAt: &next, AutoRenew: &yes,
			Term: piano.Term{Type: "payment", BillingPlan: "[9.99 EUR|1 month|*]"}},
	}
}

func (p *pair) then(events ...event) *pair {
	for _, e := range events {
		e.id = p.id
		p.events = append(p.events, e)
	}
	return p
}

func (p *pair) but(change func(*piano.Subscription)) *pair { change(p.api); return p }

func (p *pair) status(s string) *pair { p.api.Status = s; return p }

func (p *pair) absent() *pair { p.api = nil; return p }

func (p *pair) unknown() *pair { p.events = nil; return p }

// many makes n pairs, for one call of pairs: an insert of one event takes as long as one
// of hundreds.
func many(n int, one func(i int) *pair) []*pair {
	all := make([]*pair, n)
	for i := range all {
		all[i] = one(i)
	}
	return all
}

func (s *fixture) pairs(all ...*pair) {
	s.Helper()
	var events []event
	for _, p := range all {
		events = append(events, p.events...)
		if p.api != nil {
			s.api.subscriptions = append(s.api.subscriptions, *p.api)
		}
	}
	s.events(events...)
}

var no = false

// TestRun_FindsEachKindAlone has one subscription of each kind of drift, among
// others that agree.
func TestRun_FindsEachKindAlone(t *testing.T) {
	s := newFastFixture(t)
	at := func(d time.Duration) *time.Time { x := noon.Add(d); return &x }
	s.pairs(
		agreeing("agrees"),
		agreeing("a-missing-in-stream").unknown(),
		agreeing("b-missing-in-api").absent(),
		agreeing("c-status").status("fail_and_retry"),
		agreeing("d-autorenew").but(func(s *piano.Subscription) { s.AutoRenew = &no }),
		agreeing("e-term-type").but(func(s *piano.Subscription) { s.Term.Type = "gift" }),
		agreeing("f-period").but(func(s *piano.Subscription) { s.Term.BillingPlan = "[9.99 EUR|1 year|*]" }),
		agreeing("g-started").but(func(s *piano.Subscription) { s.StartedAt = at(-40*aDay - 25*time.Hour) }),
		agreeing("h-user").but(func(s *piano.Subscription) { s.UserID = "another" }),
		agreeing("i-next").but(func(s *piano.Subscription) { s.NextBillAt = at(22 * aDay) }),
		agreeing("j-price").but(func(s *piano.Subscription) { s.Term.BillingPlan = "[19.99 EUR|1 month|*]" }),
		// Fields that one side does not know, and those within the tolerance.
		agreeing("k-knows-little").but(func(s *piano.Subscription) {
			s.StartedAt, s.NextBillAt, s.AutoRenew, s.UserID, s.Term = nil, nil, nil, "", piano.Term{}
		}),
		agreeing("l-tolerance").but(func(s *piano.Subscription) {
			s.StartedAt, s.NextBillAt, s.Term.Type, s.Term.BillingPlan = at(-39*aDay), at(21*aDay), "Payment", "every month"
		}),
		(&pair{id: "m-partial", api: agreeing("m-partial").api}).then(event{user: "", action: "Renewed", ago: 3 * aDay}),
		(&pair{id: "n-says-nothing", api: agreeing("n-says-nothing").api}).then(event{action: "Refunded", ago: 3 * aDay}),
		(&pair{id: "o-says-nothing"}).then(event{action: "Refunded", ago: 3 * aDay}),
	)
	report := s.run()
	s.want("drift", s.drift(), []string{
		"a-missing-in-stream missing_in_stream -→active",
		"b-missing-in-api missing_in_api active→-",
		"c-status status active→fail_and_retry",
		"d-autorenew autorenew true→false",
		"e-term-type term_type payment→gift",
		"f-period billing_period 1 month→1 year",
		"g-started started_at 2026-01-20T12:00:00Z→2026-01-19T11:00:00Z",
		"h-user user_id u→another",
		"i-next next_bill 2026-03-21T12:00:00Z→2026-03-23T12:00:00Z routine",
		"j-price price 9.99→19.99 information",
	})
	if report.Compared != 16 || report.Candidates != 10 || report.Verified != 10 || report.Opened != 10 || report.Open != 10 || report.Closed != 0 || report.Clean() {
		t.Errorf("got %+v", report)
	}
	s.want("not compared", counts(report.NotCompared), nil)
	s.want("agreed", counts(report.Agreed), nil)
	var kinds []string
	for _, k := range report.Drift {
		kinds = append(kinds, string(k.Kind)+" "+string(k.Severity))
		if k.Count != 1 || k.Unverified != 0 || len(k.Examples) != 1 || !k.Examples[0].Verified {
			t.Errorf("got %+v", k)
		}
	}
	s.want("kinds", kinds, []string{"missing_in_stream drift", "missing_in_api drift", "status drift", "autorenew drift", "term_type drift",
		"billing_period drift", "started_at drift", "user_id drift", "next_bill routine", "price information"})
	if e := report.Drift[0].Examples[0]; e.Stream != nil || e.API == nil || *e.API != "active" {
		t.Errorf("got %+v", e)
	}
}
