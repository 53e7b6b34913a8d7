package main

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/reconcile"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestSubscription_ActionsReconcile resumes, upgrades and cancels against a simulated Piano:
// the events come back through the stream, and the next reconciliation compares
// these subscriptions too and finds nothing.
func TestSubscription_ActionsReconcile(t *testing.T) {
	tier.Full(t, "runs a whole simulated year")
	t.Parallel()
	s := services(t).Fixture(t, testbed.Config{Protocol: "native", Seed: 3, Subscribers: 600})
	p := newPublisher(t, s)
	s.Publish()
	one := s.Serve()
	s.AwaitCommitted(one.Run)
	environment := append(p.environment(), "PIANOLA_RECONCILE_SETTLE=0s")
	clean := func(when string) uint64 {
		t.Helper()
		got := call(t, environment, "", "reconcile", "--json")
		var report reconcile.Report
		if err := json.Unmarshal([]byte(got.stdout), &report); err != nil || got.code != exitDone || len(report.Drift) > 0 || report.NotCompared["recent"] > 0 {
			t.Fatalf("%s: exit status %d, %v\n%s%s", when, got.code, err, got.stdout, got.stderr)
		}
		return report.Compared
	}
	before := clean("before")

	act := func(action, id string, args ...string) {
		t.Helper()
		got := call(t, environment, "", append([]string{"subscription", args[0], "--subscription", id, "--execute"}, args[1:]...)...)
		if got.code != exitDone {
			t.Fatalf("%v: %+v", args, got)
		}
		s.Eventually(action+" of "+id, func() bool {
			var n uint64
			s.One("SELECT count() FROM subscription_events FINAL WHERE subscription_id = '"+id+"' AND subscription_action = '"+action+"'", &n)
			return n > 0
		}, one.Run)
	}
	dynamic := p.take("dynamic one to resume", func(s piano.Subscription) bool { return s.Term.Type == "dynamic" && *s.CanBeResumed })
	act("Resumed", dynamic.ID, "resume")
	renews := func(s piano.Subscription) bool {
		return s.Status == "active" && s.Term.Type == "payment" && *s.AutoRenewChangeEnabled && *s.AutoRenew
	}
	paying := p.take("paying one", renews)
	s.Must(p.client.Update(t.Context(), paying.ID, piano.Update{AutoRenew: new(bool)}))
	act("Auto-renew enabled", paying.ID, "resume")
	rising := p.take("one to upgrade", func(s piano.Subscription) bool {
		can, err := p.client.CanChange(t.Context(), s.ID)
		return err == nil && can && renews(s)
	})
	var product int
	_, err := fmt.Sscanf(rising.Term.ID, "TMPAY%d", &product)
	s.Must(err)
	act("Upgraded", rising.ID, "upgrade", "--from-term", rising.Term.ID, "--to-term", fmt.Sprintf("TMPAY%02d", (product+12)%36))

	// The actions of customer care, which the next reconciliation compares, too.
	care := func(action, id string, do func() (bool, error)) {
		t.Helper()
		if done, err := do(); err != nil || !done {
			t.Fatalf("%s of %s: %v, %v", action, id, done, err)
		}
		s.Eventually(action+" of "+id, func() bool {
			var n uint64
			s.One("SELECT count() FROM subscription_events FINAL WHERE subscription_id = '"+id+"' AND subscription_action = '"+action+"'", &n)
			return n > 0
		}, one.Run)
	}
	leaving := p.take("one to cancel", renews)
	care("Canceled", leaving.ID, func() (bool, error) { return p.desk.Cancel(t.Context(), leaving.ID, false) })
	refunded := p.take("one to cancel with a refund", func(one piano.Subscription) bool {
		shown, _ := p.desk.Get(one.ID)
		return renews(one) && shown.Refundable
	})
	care("Canceled", refunded.ID, func() (bool, error) { return p.desk.Cancel(t.Context(), refunded.ID, true) })
	ending := p.take("one to cancel at the end", func(one piano.Subscription) bool {
		shown, _ := p.desk.Get(one.ID)
		return shown.DeferredCancelable
	})
	care("Auto-renew disabled", ending.ID, func() (bool, error) { return p.desk.CancelDeferred(t.Context(), ending.ID) })
	var paidBack float64
	s.One("SELECT toFloat64(min(transaction_value)) FROM subscription_events FINAL WHERE subscription_id = '"+refunded.ID+"' AND subscription_action = 'Canceled'", &paidBack)
	if paidBack >= 0 {
		t.Errorf("the refund of %s is %v in the table", refunded.ID, paidBack)
	}

	if after := clean("after"); after != before+1 {
		t.Errorf("%d compared, and %d afterwards: the subscription that the upgrade began is one more", before, after)
	}
	one.Drain()
}
