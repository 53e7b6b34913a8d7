package pianoapi_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// where returns a subscription that matches and that allows actions.
func (s *env) where(ok func(piano.Subscription) bool) string {
	s.Helper()
	for k := range s.truth.Known() {
		if len(k.Facts) == 0 || k.ID != k.Stored || k.UserID == "" || k.Internal {
			continue
		}
		one, err := s.client.Get(s.Context(), k.ID)
		s.must(err)
		if ok(one) {
			return k.ID
		}
	}
	s.Fatal("the world has no such subscription")
	return ""
}

func (s *env) get(id string) piano.Subscription {
	s.Helper()
	one, err := s.client.Get(s.Context(), id)
	s.must(err)
	return one
}

func (s *env) wantSent(want ...string) {
	s.Helper()
	if got := s.sentEvents(); !slices.Equal(got, want) {
		s.Errorf("sent %v, want %v", got, want)
	}
}

func TestActions_AutoRenewAndResume(t *testing.T) {
	s := setUp(t, 3, pianoapi.Config{})
	ctx := t.Context()
	paying := s.where(func(one piano.Subscription) bool {
		return one.Status == "active" && *one.AutoRenewChangeEnabled && *one.AutoRenew
	})
	s.must(s.client.Update(ctx, paying, piano.Update{AutoRenew: new(bool)}))
	s.wantSent("Auto-renew disabled " + paying)
	s.must(s.client.Update(ctx, paying, piano.Update{AutoRenew: new(bool)})) // it is off already
	s.wantSent()
	if one := s.get(paying); *one.AutoRenew || *one.WillAutoRenew {
		t.Errorf("got %+v", one)
	}
	if err := s.client.Resume(ctx, paying); !errors.Is(err, piano.ErrRefused) {
		t.Errorf("resume of a payment term: %v", err)
	}
	s.must(s.client.Update(ctx, paying, piano.Update{AutoRenew: new(true)}))
	s.wantSent("Auto-renew enabled " + paying)

	dynamic := s.where(func(one piano.Subscription) bool {
		return one.Term.Type == "dynamic" && *one.CanBeResumed && one.Status == "expired"
	})
	s.must(s.client.Resume(ctx, dynamic))
	s.wantSent("Resumed " + dynamic)
	if one := s.get(dynamic); *one.CanBeResumed || !*one.AutoRenew || one.NextBillAt == nil || !one.NextBillAt.After(time.Now()) {
		t.Errorf("got %+v", one)
	}
	foreign := "RCI0000000"
	if err := s.client.Update(ctx, foreign, piano.Update{AutoRenew: new(true)}); err == nil {
		t.Error("a registration renews")
	}
}

func TestActions_Change(t *testing.T) {
	s := setUp(t, 3, pianoapi.Config{})
	ctx := t.Context()
	// goes is one whose term may be changed.
	goes := func() (string, piano.Subscription) {
		id := s.where(func(one piano.Subscription) bool {
			if one.Status != "active" || one.Term.Type != "payment" {
				return false
			}
			can, err := s.client.CanChange(ctx, one.ID)
			s.must(err)
			return can
		})
		return id, s.get(id)
	}
	id, one := goes()
	to := "TMPAY" + fmt.Sprintf("%02d", (number(one.Term.ID)+12)%36) // the same of another tier
	change := piano.TermChange{UserID: one.UserID, SubscriptionID: id, ToTerm: to}
	for name, wrong := range map[string]piano.TermChange{
		"unknown_term":  {UserID: one.UserID, SubscriptionID: id, ToTerm: "TMPAY99"},
		"somebody_else": {UserID: "u-nobody", SubscriptionID: id, ToTerm: to},
	} {
		if err := s.client.Change(ctx, wrong); !errors.Is(err, piano.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.wantSent()
	s.must(s.client.Change(ctx, change))
	sent := s.sentEvents()
	if len(sent) != 2 || !strings.HasSuffix(sent[0], "graded "+id) || !strings.HasPrefix(sent[1], "Created RCIN") {
		t.Fatalf("sent %v", sent)
	}
	fresh := s.get(strings.Fields(sent[1])[1])
	if fresh.UserID != one.UserID || fresh.Term.ID != to || s.get(id).Status == "active" {
		t.Errorf("the new one is %+v, the old one %+v", fresh, s.get(id))
	}
	var err error
	polls := 0
	for ; err == nil; polls++ {
		var status piano.ChangeStatus
		if status, err = s.client.ChangeStatus(ctx, one.UserID, id); err == nil && status != piano.ChangePending {
			t.Errorf("status %v", status)
		}
	}
	if !errors.Is(err, piano.ErrNoStatus) || polls < 2 {
		t.Errorf("after %d polls: %v", polls, err)
	}

	id, one = goes()
	change = piano.TermChange{UserID: one.UserID, SubscriptionID: id, ToTerm: "TMPAY" + fmt.Sprintf("%02d", (number(one.Term.ID)+12)%36), Billing: piano.BillAtPeriodEnd}
	s.must(s.client.Change(ctx, change))
	if sent := s.sentEvents(); len(sent) != 1 {
		t.Errorf("sent %v", sent)
	}
	if can, err := s.client.CanChange(ctx, id); err != nil || can {
		t.Errorf("one that changes already: %v, %v", can, err)
	}
	s.must(s.publisher.CompleteChanges(ctx))
	if sent := s.sentEvents(); len(sent) != 1 || s.get(id).Status == "active" {
		t.Errorf("sent %v, and the status is %s", sent, s.get(id).Status)
	}

	s.publisher.FailChanges(1)
	id, one = goes()
	change = piano.TermChange{UserID: one.UserID, SubscriptionID: id, ToTerm: "TMPAY" + fmt.Sprintf("%02d", (number(one.Term.ID)+12)%36)}
	s.must(s.client.Change(ctx, change))
	if status, err := s.client.ChangeStatus(ctx, one.UserID, id); err != nil || status != piano.ChangeFailed {
		t.Errorf("got %v, %v", status, err)
	}
	s.must(s.client.Change(ctx, piano.TermChange{UserID: one.UserID, SubscriptionID: id, ToTerm: change.ToTerm, Billing: piano.BillAtPeriodEnd}))
	s.sentEvents()
	s.must(s.client.CancelChange(ctx, id))
	s.wantSent()
	if status, err := s.client.ChangeStatus(ctx, one.UserID, id); err != nil || status != piano.ChangeCanceled {
		t.Errorf("got %v, %v", status, err)
	}
}

func number(term string) (n int) {
	_, _ = fmt.Sscanf(term, "TMPAY%d", &n)
	return n
}

// TestLive_APIAgreesWithEvents derives the states from the sent events and those of the
// world, and compares the API with them.
func TestLive_APIAgreesWithEvents(t *testing.T) {
	s := setUp(t, 4, pianoapi.Config{})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.publisher.Live(ctx, 500) }()
	for range 400 {
		s.must(s.publisher.Act(t.Context()))
	}
	stop()
	s.must(<-done)
	counts := s.publisher.ActionCounts()
	for _, name := range []string{"Renewed", "PaymentFailed", "Auto-renew disabled", "Canceled", "Upgraded", "Downgraded", "Created", "Expired", "Resumed", "change takes effect"} {
		if counts[name] == 0 {
			t.Errorf("no action %s: %v", name, counts)
		}
	}
	facts, users, first := map[string][]world.Fact{}, map[string]string{}, map[string]schemas.NullMillis{}
	for k := range s.truth.Known() {
		facts[k.Stored] = slices.Clone(k.Facts)
		first[k.Stored] = s.truth.FirstEvent(k.Stored)
	}
	acted := map[string]bool{}
	seen := map[string]bool{}
	for _, e := range s.events {
		id := e["subscription_id"].(string)
		f := factOf(t, e)
		if key := fmt.Sprint(id, f.At, f.Action); seen[key] {
			t.Errorf("two events are one: %s", key)
		} else {
			seen[key] = true
		}
		acted[id], users[id] = true, e["user_id"].(string)
		if len(facts[id]) == 0 {
			first[id] = schemas.NullMillis{Millis: f.At, Valid: true}
		}
		facts[id] = append(facts[id], f)
	}
	all := s.sweep()
	now := schemas.Millis(time.Now().UnixMilli() + 1000)
	for id := range acted {
		st := world.StateOf(id, facts[id], now, func(id string) schemas.NullMillis { return first[id] })
		one, there := all[id]
		retrying := slices.ContainsFunc(facts[id], func(f world.Fact) bool { return f.Action == schemas.PaymentFailed && f.At > now-29*86_400_000 })
		if kinds := disagreements(st, users[id], retrying, one); !there || len(kinds) > 0 {
			t.Errorf("%s: %v\nevents %+v\napi    %+v", id, kinds, st, one)
		}
	}
	if len(acted) < 100 {
		t.Errorf("%d subscriptions were acted on", len(acted))
	}
}

// factOf parses a message of the stream.
func factOf(t *testing.T, e map[string]any) world.Fact {
	t.Helper()
	text := func(name string) string { s, _ := e[name].(string); return s }
	at := func(name string) schemas.NullMillis {
		if text(name) == "" {
			return schemas.NullMillis{}
		}
		when, err := time.Parse(time.RFC3339, text(name))
		if err != nil {
			t.Fatal(err)
		}
		return schemas.NullMillis{Millis: schemas.Millis(when.UnixMilli()), Valid: true}
	}
	f := world.Fact{
		At: at("event_timestamp").Millis, Action: text("subscription_action"), NextBilledAt: at("next_billed_at"),
		TrialEndsAt: at("trial_period_ended_at"), TermType: text("term_type"), Period: text("billing_period"), ChangeTo: text("upgrade_to_subscription_id"),
	}
	if v, ok := e["transaction_value"].(float64); ok {
		f.Value = schemas.NullDecimal4{Decimal4: schemas.Decimal4(v*10_000 + 0.5), Valid: true}
	}
	return f
}
