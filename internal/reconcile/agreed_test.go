package reconcile

import (
	"fmt"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestRun_CountsDifferencesThatAgree goes through the table of accepted values:
// each derived status against each of the API's.
func TestRun_CountsDifferencesThatAgree(t *testing.T) {
	s := newFixture(t)
	failed := event{action: "PaymentFailed", ago: 2 * aDay}
	lives := map[string][]event{
		"active":             nil,
		"fail_and_retry":     {failed},
		"failing_for_long":   {{action: "PaymentFailed", ago: 31 * aDay}},
		"expired":            {{action: "Expired", ago: aDay}},
		"expired_failed":     {failed, {action: "Auto-renew disabled", ago: 36 * time.Hour}, {action: "Expired", ago: aDay}},
		"expired_with_error": {failed, {action: "Expired", ago: aDay}},
		"cancelled":          {{action: "Canceled", ago: aDay}},
		"upgraded":           {{action: "Upgraded", ago: 2 * aDay, to: "agrees"}, {action: "Expired", ago: aDay}},
		"pending":            {{action: "Upgraded", ago: 2 * aDay, to: "never-comes"}},
		"pending_failing":    {failed, {action: "Downgraded", ago: aDay, to: "never-comes"}},
	}
	all := []*pair{agreeing("agrees")}
	for name, events := range lives {
		for _, status := range piano.Statuses() {
			p := agreeing(name + "/" + status)
			if name == "failing_for_long" {
				p.events = p.events[:1]
			}
			all = append(all, p.then(events...).status(status).but(func(s *piano.Subscription) { s.AutoRenew = nil }))
		}
	}
	s.pairs(all...)
	s.cfg.Verify = 0
	report := s.run()
	s.want("agreed", counts(report.Agreed), []string{
		"status:active→not_started 2", "status:active→pending 2", "status:active→upgraded 1", "status:active→wait_confirmed 2",
		"status:cancelled→deleted 1",
		"status:expired_with_error→expired 1",
		"status:expired→completed 2", "status:expired→deleted 2", "status:expired→expired_with_error 1",
		"status:fail_and_retry→active 2", "status:fail_and_retry→upgraded 1",
		"status:upgraded→deleted 1",
	})
	// Nothing else of the whole table agrees, but a status with itself.
	same, agreed := uint64(len(lives)), uint64(0)
	for _, n := range report.Agreed {
		agreed += n
	}
	statuses := uint64(len(lives) * len(piano.Statuses()))
	if len(report.Drift) != 1 || report.Drift[0].Kind != StatusDiffers || report.Drift[0].Count != statuses-same-agreed || report.Drift[0].Unverified != report.Drift[0].Count {
		t.Errorf("%d lives, %d agree, %d are the same: got %+v", statuses, agreed, same, report.Drift)
	}
}

// TestRun_ReadsADeferredCancel has the two ways in which a cancel for the end of
// the period may be on one side alone, before and after that end.
func TestRun_ReadsADeferredCancel(t *testing.T) {
	off := func(s *piano.Subscription) { s.AutoRenew = &no }
	dynamic := func(p *pair) *pair {
		p.events[0].term = "dynamic"
		return p.but(func(s *piano.Subscription) { s.Term.Type = "dynamic" })
	}
	ended := func(p *pair) *pair { p.events[1].next = -aDay; return p }
	for mode, want := range map[string]struct{ agreed, drift []string }{
		DynamicCancelImmediate: {nil, []string{
			"a status active→cancelled", "b autorenew true→false", "c status cancelled→active",
			"d status active→cancelled", "e status cancelled→active", "f autorenew true→false", "g status active→cancelled", "h status active→expired"}},
		DynamicCancelDeferred: {[]string{"autorenew:true→false 1", "status:active→cancelled 1", "status:cancelled→active 1"}, []string{
			"d status active→cancelled", "e status cancelled→active", "f autorenew true→false", "g status active→cancelled", "h status active→expired"}},
	} {
		t.Run(mode, func(t *testing.T) {
			s := newFixture(t)
			s.cfg.DynamicCancel = mode
			cancelled := event{action: "Canceled", ago: 5 * aDay}
			s.pairs(
				dynamic(agreeing("a")).status("cancelled").but(off),
				dynamic(agreeing("b")).but(off),
				dynamic(agreeing("c")).then(cancelled).but(off),
				ended(dynamic(agreeing("d"))).status("cancelled").but(off),
				ended(dynamic(agreeing("e"))).then(cancelled).but(off),
				ended(dynamic(agreeing("f"))).but(off).but(func(s *piano.Subscription) { s.NextBillAt = nil }),
				agreeing("g").status("cancelled").but(off),
				dynamic(agreeing("h")).status("expired").but(off),
			)
			report := s.run()
			s.want("agreed", counts(report.Agreed), want.agreed)
			var got []string
			for _, line := range s.drift() {
				var id, kind, values string
				if _, err := fmt.Sscan(line, &id, &kind, &values); err == nil && Kind(kind).Severity() == SeverityDrift {
					got = append(got, id+" "+kind+" "+values)
				}
			}
			s.want("drift", got, want.drift)
		})
	}
}

// TestRun_SaysWhyItDidNotCompare has one subscription for each reason, all of which
// would differ, and two that only look alike.
func TestRun_SaysWhyItDidNotCompare(t *testing.T) {
	tier.Full(t, "takes seconds on real servers")
	s := newFastFixture(t)
	s.cfg.Settle = 15 * time.Minute
	differs := func(id string) *pair { return agreeing(id).status("expired") }
	earlier := noon.Add(-400 * aDay)
	s.pairs(
		agreeing("agrees"),
		differs("recent-event").then(event{action: "Auto-renew enabled", ago: time.Minute}),
		differs("recent-message").then(event{action: "Auto-renew enabled", ago: 2 * aDay, late: 2*aDay - time.Minute}),
		differs("later-event").then(event{action: "Expired", ago: -time.Hour}),
		differs("not-recent").then(event{action: "Auto-renew enabled", ago: time.Hour}),
		differs("filtered-by-stream"),
		differs("dead-letter"),
		differs("resolved-letter"),
		agreeing("gift").unknown().but(func(s *piano.Subscription) { s.Term.Type = "gift" }),
		agreeing("no-term").unknown().but(func(s *piano.Subscription) { s.Term.Type = "" }),
		agreeing("gift-with-events").but(func(s *piano.Subscription) { s.Term.Type = "gift" }),
		agreeing("started-before").unknown().but(func(s *piano.Subscription) { s.StartedAt = &earlier }),
		agreeing("ended-before").unknown().but(func(s *piano.Subscription) { s.StartedAt, s.EndedAt = nil, &earlier }),
		agreeing("start-unknown").unknown().but(func(s *piano.Subscription) { s.StartedAt = nil }),
		agreeing("internal").absent(),
		agreeing("new").unknown().then(event{action: "Created", ago: -time.Hour}),
	)
	s.api.subscriptions = append(s.api.subscriptions, piano.Subscription{ID: "internal", Internal: true, Status: "expired"})
	execute(t, s.conn, `INSERT INTO `+s.tables.Table("filtered_subscriptions")+` VALUES ('filtered-by-stream', 9223372036854775808, now64(3)), ('only-filtered', 1, now64(3)), ('not-recent', 1, now64(3))`,
		`INSERT INTO `+s.tables.Table("dead_letters")+` (source, source_name, source_offset, subscription_id, resolved_at, decided_at) VALUES
	('kafka', 't', 1, 'dead-letter', NULL, now64(3)), ('kafka', 't', 2, NULL, NULL, now64(3)),
	('kafka', 't', 3, 'resolved-letter', NULL, now64(3)), ('kafka', 't', 3, 'resolved-letter', now64(3), now64(3) + 1)`)
	report := s.run()
	s.want("not compared", counts(report.NotCompared), []string{"before_stream 2", "dead_letters 1", "filtered 2", "other_term 2", "recent 4"})
	s.want("drift", s.drift(), []string{
		"gift-with-events term_type payment→gift",
		"not-recent status active→expired",
		"resolved-letter status active→expired",
		"start-unknown missing_in_stream -→active",
	})
	if report.Compared != 5 {
		t.Errorf("%d were compared, want 5", report.Compared)
	}
}

// TestRun_WithoutAnyEventNothingIsBeforeTheStream: an empty table must not look
// like agreement.
func TestRun_WithoutAnyEventNothingIsBeforeTheStream(t *testing.T) {
	s := newFixture(t)
	s.pairs(agreeing("a").unknown())
	s.run()
	s.want("drift", s.drift(), []string{"a missing_in_stream -→active"})
}
