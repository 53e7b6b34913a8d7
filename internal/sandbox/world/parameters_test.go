package world

import (
	"testing"
	"time"
)

// near checks that a share is near the value of the table.
func near(t *testing.T, what string, have, want, tolerance float64) {
	t.Helper()
	if have < want-tolerance || have > want+tolerance {
		t.Errorf("%s: %.4f, the table says %.4f", what, have, want)
	}
}

// TestLives_follow_the_table compares the simulated lives with the table of parameters.
func TestLives_follow_the_table(t *testing.T) {
	cfg := Defaults()
	cfg.Subscribers = 30_000
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	people, own := float64(len(w.people)), 0.0
	var byPeriod, byTerm, byTrial [4]float64
	var before, second, inside, nameless, denmark, charged float64
	months := map[time.Month]float64{}
	seen := make([]bool, len(w.people))
	for i := range w.subs {
		s := &w.subs[i]
		if s.changed {
			continue
		}
		if seen[s.person] {
			second++
			continue
		}
		seen[s.person] = true
		own++
		byPeriod[int(s.product)%periods]++
		byTerm[s.term]++
		if s.term == termPayment || s.term == termDynamic {
			charged++
			byTrial[s.trial]++
		}
		if s.startAt < w.start {
			before++
		} else {
			months[time.UnixMilli(s.startAt).UTC().Month()]++
		}
	}
	for i := range w.people {
		p := &w.people[i]
		if p.internal != notInternal {
			inside++
		}
		if p.naming == namedNowhere {
			nameless++
		}
		if countries[p.country] == "DK" {
			denmark++
		}
	}
	for i, want := range periodShares {
		near(t, "billing period "+periodTexts[i], byPeriod[i]/own, want/100, 0.01)
	}
	for i, want := range termShares {
		near(t, "term type "+termTypes[i], byTerm[i]/own, want/100, 0.01)
	}
	near(t, "free trials", byTrial[freeTrial]/charged, 0.15, 0.01)
	near(t, "paid trials", byTrial[paidTrial]/charged, 0.20, 0.01)
	near(t, "began before the stream", before/own, 0.05, 0.005)
	near(t, "two live subscriptions", second/people, 0.03, 0.005)
	near(t, "internal", inside/people, 0.005, 0.002)
	near(t, "no user id", nameless/people, 0.002, 0.001)
	near(t, "Denmark", denmark/people, 0.30, 0.01)
	near(t, "November against July", months[time.November]/30/(months[time.July]/31), 1.5/0.8, 0.15)
	endings(t, w)
}

// endings checks the shares of ends, failed payments and recoveries.
func endings(t *testing.T, w *World) {
	t.Helper()
	var failures, recovered, decided, canceled, refunded, renewed, firstEnds, firstPeriods float64
	for i := range w.subs {
		s := &w.subs[i]
		events := w.events[s.events : s.events+s.count]
		failing := false
		for j, e := range events {
			switch e.action {
			case actPaymentFailed:
				failing = true
			case actRenewed:
				renewed++
				if failing {
					recovered++
					failures++
					decided++
				}
				failing = false
			case actExpired:
				if failing {
					failures++
					decided++
				}
				failing = false
			case actCanceled:
				canceled++
				if e.hasValue {
					refunded++
				}
			}
			// Monthly plans without a trial that were seen to begin, and long
			// enough ago for the first period to have ended.
			if j == 0 && e.action == actCreated && s.trial == noTrial && !s.changed && s.term != termGift && int(s.product)%periods == 0 && e.at < w.end-60*day {
				firstPeriods++
				if len(events) > 1 && firstEnd(events[1:], e.next) {
					firstEnds++
				}
			}
		}
	}
	near(t, "failed payments that recover", recovered/decided, 0.70, 0.06)
	near(t, "renewals that fail first", failures/(renewed+failures-recovered), 0.055, 0.02)
	near(t, "cancellations with a refund", refunded/canceled, 0.40, 0.06)
	near(t, "ends in the first month", firstEnds/firstPeriods, 0.12, 0.02)
}

// firstEnd reports whether the first period was the last.
func firstEnd(rest []event, periodEnd int64) bool {
	for _, e := range rest {
		switch e.action {
		case actRenewed, actResumed, actUpgraded, actDowngraded:
			return false
		case actCanceled, actExpired:
			return e.at <= periodEnd+15*day
		}
	}
	return false
}
