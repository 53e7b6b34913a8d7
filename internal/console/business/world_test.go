package business_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/sandbox/world/metrics"
	"github.com/pianola/pianola/schemas"
)

// simulated is a database with the events and the snapshot of a simulated year, and the
// input of the metrics in Go.
type simulated struct {
	*testing.T
	conn driver.Conn
	o    schemas.Options
	in   metrics.Input
}

// simulate makes a year that ended yesterday, so that some trials and failed payments are
// open.
func simulate(t *testing.T) *simulated {
	t.Helper()
	cfg := world.Defaults()
	cfg.Subscribers = 300
	cfg.EndAt(time.Now().AddDate(0, 0, -1))
	w, err := world.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	truth := w.Truth()
	s := &simulated{T: t, conn: server.Connect(t), o: schemas.Options{Database: "simulated"}}
	s.in = truth.MetricsInput(0, time.UTC, func(id string) metrics.Snapshot {
		snapshot := truth.Snapshot(id)
		if snapshot.Plan != "" { // the table has what the plan says, in columns
			_, plan, _ := strings.Cut(snapshot.Plan, " ")
			snapshot.Currency, _, _ = strings.Cut(plan, "|")
			snapshot.Plan = ""
		}
		return snapshot
	})
	engine.MigrateWithState(t, s.conn, s.o)
	s.events()
	s.snapshot()
	s.must(clickhouse.RefreshState(t.Context(), s.conn, s.o))
	s.must(clickhouse.RefreshMarts(t.Context(), s.conn, s.o))
	return s
}

func (s *simulated) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// truth are the metrics in Go at the time of a mart.
func (s *simulated) truth(mart string) *metrics.Tables {
	s.Helper()
	var asOf time.Time
	s.must(s.conn.QueryRow(s.Context(), "SELECT max(as_of) FROM "+s.o.Table(mart)).Scan(&asOf))
	s.in.AsOf = schemas.Millis(asOf.UnixMilli())
	return metrics.Compute(s.in)
}

func (s *simulated) events() {
	s.Helper()
	batch, err := s.conn.PrepareBatch(s.Context(), "INSERT INTO "+s.o.Table("subscription_events")+` (event_id, subscription_id, user_id, event_timestamp, subscription_action,
		next_billed_at, trial_period_ended_at, transaction_value, term_type, billing_period, upgrade_to_subscription_id, term_name, resource_name,
		billing_country_code, experience_name, version, synced_at)`)
	s.must(err)
	for _, one := range s.in.Subscriptions {
		for _, e := range one.Events {
			id := uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "%s %d %s", one.ID, e.At, e.Action))
			s.must(batch.Append(id, one.ID, e.UserID, time.UnixMilli(int64(e.At)), e.Action, instant(e.NextBilledAt), instant(e.TrialEndsAt), amount(e.Value), text(e.TermType), text(e.Period),
				text(e.ChangeTo), text(e.TermName), text(e.Resource), text(e.Country), text(e.Experience), uint64(1), time.Now()))
		}
	}
	s.must(batch.Send())
	hidden := slices.DeleteFunc(slices.Clone(s.in.Subscriptions), func(one metrics.Subscription) bool { return !one.Internal })
	batch, err = s.conn.PrepareBatch(s.Context(), "INSERT INTO "+s.o.Table("filtered_subscriptions")+" (subscription_id, version, filtered_at)")
	s.must(err)
	for _, one := range hidden {
		s.must(batch.Append(one.ID, uint64(2), time.Now()))
	}
	s.must(batch.Send())
}

// snapshot writes what the API knows, and a file with the promo codes.
func (s *simulated) snapshot() {
	s.Helper()
	api, file := uuid.New(), uuid.New()
	runs, err := s.conn.PrepareBatch(s.Context(), "INSERT INTO "+s.o.Table("snapshot_runs")+" (snapshot_id, source, state, as_of, whole, written_at)")
	s.must(err)
	s.must(runs.Append(api, "api", "complete", time.Now().Add(-time.Minute), true, time.Now()))
	s.must(runs.Append(file, "csv", "complete", time.Now().Add(-time.Minute), false, time.Now()))
	s.must(runs.Send())
	rows, err := s.conn.PrepareBatch(s.Context(), "INSERT INTO "+s.o.Table("subscription_snapshots")+" (snapshot_id, subscription_id, subscription_status, regular_price, currency, billing_period)")
	s.must(err)
	traits, err := s.conn.PrepareBatch(s.Context(), "INSERT INTO "+s.o.Table("subscription_snapshot_traits")+" (snapshot_id, subscription_id, promo_code)")
	s.must(err)
	for _, one := range s.in.Subscriptions {
		s.must(rows.Append(api, one.ID, "active", amount(one.Snapshot.Price), text(one.Snapshot.Currency), text(one.Snapshot.Period)))
		s.must(traits.Append(file, one.ID, text(one.Snapshot.PromoCode)))
	}
	s.must(rows.Send())
	s.must(traits.Send())
}

func instant(at schemas.NullMillis) *time.Time {
	if !at.Valid {
		return nil
	}
	return new(time.UnixMilli(int64(at.Millis)))
}

func amount(v schemas.NullDecimal4) *decimal.Decimal {
	if !v.Valid {
		return nil
	}
	return new(decimal.New(int64(v.Decimal4), -4))
}

func text(v string) *string {
	if v == "" {
		return nil
	}
	return &v
}
