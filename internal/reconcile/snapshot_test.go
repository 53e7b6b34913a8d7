package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// noon is when the clock of these tests begins.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fakeSweep is an API that has these subscriptions, in pages of three, and may fail.
type fakeSweep struct {
	subscriptions []piano.Subscription
	after         int   // pages that come before
	fails         error // this
	withoutID     int   // rows that it cannot pass on
}

func (s *fakeSweep) Sweep(_ context.Context, page func([]piano.Subscription) error) (piano.SweepReport, error) {
	report := piano.SweepReport{WithoutID: s.withoutID, Unreadable: s.withoutID}
	for chunk := range slices.Chunk(s.subscriptions, 3) {
		if s.fails != nil && report.Pages == s.after {
			return report, s.fails
		}
		report.Pages++
		report.Rows += len(chunk)
		if err := page(chunk); err != nil {
			return report, err
		}
	}
	return report, nil
}

func named(ids ...string) []piano.Subscription {
	var all []piano.Subscription
	for _, id := range ids {
		all = append(all, piano.Subscription{ID: id, UserID: "U" + id, Status: "active",
			Term: piano.Term{Type: "payment", BillingPlan: "[19.99 USD|1 month|*]"}})
	}
	return all
}

// numbered are n ids that differ from those of another first.
func numberedIDs(first, n int) []string {
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("S%04d", first+i))
	}
	return ids
}

// testStore has a clock that moves a second with each look.
func testStore(t *testing.T) *store {
	conn, o := database(t)
	at := noon
	return newStore(3, Deps{Conn: conn, Tables: o, Instance: "test", Now: func() time.Time { at = at.Add(time.Second); return at }, Log: zap.NewNop()})
}

func (s *store) take(t *testing.T, subscriptions []piano.Subscription) summary {
	t.Helper()
	of, err := s.fromAPI(t.Context(), &fakeSweep{subscriptions: subscriptions}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return of
}

// shown are the ids of the view, with what it says of them.
func (s *store) shown(t *testing.T) string {
	t.Helper()
	return strings.Join(texts(t, s.conn, `SELECT subscription_id || ' ' || subscription_status FROM `+
		s.tables.Table("piano_api_subscriptions")+` ORDER BY ALL`), ", ")
}

func TestSnapshot_StoresWhatTheAPISays(t *testing.T) {
	s := testStore(t)
	yes := true
	subscriptions := named("A", "B")
	subscriptions[0].AutoRenew, subscriptions[0].StartedAt = &yes, &noon
	subscriptions[1].Term.BillingPlan = "who knows"
	again := subscriptions[0]
	again.Status = "cancelled"
	subscriptions = append(subscriptions, again, piano.Subscription{ID: "I", UserID: "inside", Status: "active", Internal: true})

	of := s.take(t, subscriptions)
	if of.Rows != 2 || of.Filtered != 1 || of.Repeated != 1 || of.UnreadPlans != 1 || of.Pages != 2 || !of.AsOf.Equal(noon.Add(time.Second)) || !of.CompletedAt.After(of.AsOf) {
		t.Errorf("got %+v", of)
	}
	got := texts(t, s.conn, `SELECT toString(tuple(* EXCEPT synced_at)) FROM `+s.tables.Table("piano_api_subscriptions")+` ORDER BY subscription_id`)
	want := []string{
		"('A','UA','2026-03-01 12:00:00.000','1 month','cancelled','payment',19.99,true,NULL,'canceled')",
		"('B','UB',NULL,NULL,'active','payment',NULL,NULL,NULL,NULL)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := texts(t, s.conn, `SELECT DISTINCT user_id FROM `+s.tables.Table("subscription_snapshots")+` WHERE filtered`); !slices.Equal(got, []string{""}) {
		t.Errorf("an internal user's row holds %q", got)
	}
	// What the stream comes to know of later is hidden too, until a later event is stored.
	execute(t, s.conn, `INSERT INTO `+s.tables.Table("filtered_subscriptions")+` VALUES ('B', 1, now64(3))`)
	if got := s.shown(t); got != "A cancelled" {
		t.Errorf("got %q", got)
	}
	execute(t, s.conn, `INSERT INTO `+s.tables.Table("subscription_events")+` (subscription_id, event_timestamp, version) VALUES ('B', now64(3), 2)`)
	if got := s.shown(t); got != "A cancelled, B active" {
		t.Errorf("after a later event: %q", got)
	}
}

func TestSnapshot_IsShownWholeOrNotAtAll(t *testing.T) {
	s := testStore(t)
	s.take(t, named("A", "B"))
	rubbish := errors.New("rubbish on page 2")
	if _, err := s.fromAPI(t.Context(), &fakeSweep{subscriptions: named("C", "D", "E", "F", "G"), after: 1, fails: rubbish}, 0); !errors.Is(err, rubbish) {
		t.Fatalf("got %v", err)
	}
	if got := s.shown(t); got != "A active, B active" {
		t.Errorf("got %q", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	killed := errors.New("killed")
	if _, err := s.fromAPI(ctx, sweepFunc(func(page func([]piano.Subscription) error) error {
		if err := page(named("H")); err != nil {
			return err
		}
		cancel()
		return killed
	}), 0); !errors.Is(err, killed) {
		t.Fatalf("got %v", err)
	}
	states := `SELECT state || ' ' || problem FROM ` + s.tables.Table("snapshot_runs") + ` FINAL ORDER BY as_of`
	if got := strings.Join(texts(t, s.conn, states), ", "); got != "complete , failed rubbish on page 2, failed killed" {
		t.Errorf("got %q", got)
	}
	if err := s.prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(texts(t, s.conn, `SELECT subscription_id FROM `+s.tables.Table("subscription_snapshots")+` ORDER BY ALL`), ", "); got != "A, B" {
		t.Errorf("after pruning: %q", got)
	}
	if got := s.shown(t); got != "A active, B active" {
		t.Errorf("got %q", got)
	}
}

type sweepFunc func(func([]piano.Subscription) error) error

func (f sweepFunc) Sweep(_ context.Context, page func([]piano.Subscription) error) (piano.SweepReport, error) {
	return piano.SweepReport{}, f(page)
}

// A snapshot without a heartbeat is dropped, and cannot complete later.
func TestSnapshot_ExpiresWithoutHeartbeat(t *testing.T) {
	s := testStore(t)
	at := noon
	s.now = func() time.Time { return at }
	_, err := s.fromAPI(t.Context(), sweepFunc(func(page func([]piano.Subscription) error) error {
		at = at.Add(30 * time.Minute)
		if err := page(named("A")); err != nil {
			return err
		}
		at = at.Add(45 * time.Minute)
		if err := s.prune(t.Context()); err != nil {
			return err
		}
		if err := page(named("B")); err != nil { // it was heard in between
			return err
		}
		at = at.Add(2 * time.Hour)
		return s.prune(t.Context())
	}), 0)
	if !errors.Is(err, errSnapshotExpired) {
		t.Errorf("got %v", err)
	}
	if got := s.shown(t); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestPrune_KeepsTheNewest(t *testing.T) {
	tier.Full(t, "writes many snapshots")
	s := testStore(t)
	for i := range 5 {
		s.take(t, named(append(numberedIDs(0, 100), fmt.Sprintf("X%d", i))...))
	}
	for range 2 { // again is harmless
		if err := s.prune(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := texts(t, s.conn, `SELECT DISTINCT subscription_id FROM `+s.tables.Table("subscription_snapshots")+` WHERE NOT tombstone AND startsWith(subscription_id, 'X') ORDER BY ALL`); len(got) != 3 || got[0] != "X2" {
		t.Errorf("got %q", got)
	}
}
