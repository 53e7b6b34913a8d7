package schemas_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// server is shared by the tests of the package.
var server engine.Engine

func TestMain(m *testing.M) { os.Exit(server.Run(m)) }

// stateDatabase is the schema without rows.
func stateDatabase(t *testing.T) driver.Conn {
	t.Helper()
	conn := server.Connect(t)
	t.Cleanup(func() {
		if err := conn.Exec(context.WithoutCancel(t.Context()), "DROP DATABASE piano SYNC"); err != nil {
			t.Error(err)
		}
	})
	engine.MigrateWithState(t, conn, schemas.Options{Database: "piano"})
	return conn
}

// eventRow is one event of a test's subscription.
type eventRow struct {
	id, user string
	fact     world.Fact
}

// store inserts the rows in the given order, in several parts.
func store(t *testing.T, conn driver.Conn, rows []eventRow) {
	t.Helper()
	const part = 2000
	for first := 0; first < len(rows); first += part {
		batch, err := conn.PrepareBatch(t.Context(), `INSERT INTO piano.subscription_events (event_id, subscription_id, user_id,
  event_timestamp, subscription_action, next_billed_at, trial_period_ended_at, transaction_value, term_type, billing_period,
  upgrade_to_subscription_id, subscription_action_raw, version, synced_at)`)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows[first:min(first+part, len(rows))] {
			f := r.fact
			var value *decimal.Decimal
			if f.Value.Valid {
				d := decimal.New(int64(f.Value.Decimal4), -4)
				value = &d
			}
			id := uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "%s %d %s", r.id, f.At, f.Action)) // any that is the event's own
			err := batch.Append(id, r.id, r.user, instant(f.At), f.Action, maybe(f.NextBilledAt), maybe(f.TrialEndsAt), value,
				text(f.TermType), text(f.Period), text(f.ChangeTo), f.Action, uint64(1), time.Now())
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Send(); err != nil {
			t.Fatal(err)
		}
	}
}

func instant(m schemas.Millis) time.Time { return time.UnixMilli(int64(m)).UTC() }

func maybe(m schemas.NullMillis) *time.Time {
	if !m.Valid {
		return nil
	}
	at := instant(m.Millis)
	return &at
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// states reads the state of every subscription at a moment, of the events until then.
func states(t *testing.T, conn driver.Conn, asOf time.Time) map[string]world.State {
	t.Helper()
	return scanStates(t, conn, fmt.Sprintf("SELECT * FROM piano.subscription_state_at(at = '%s')", sqlInstant(asOf.Add(time.Millisecond))))
}

func sqlInstant(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05.000") }

func scanStates(t *testing.T, conn driver.Conn, query string) map[string]world.State {
	t.Helper()
	rows, err := conn.Query(t.Context(), `SELECT subscription_id, status, autorenew, autorenew_disabled_at, in_trial, failed_payments,
  failed_since, current_period_ends_at, started_at, ended_at, ifNull(end_reason, ''), ifNull(term_type, ''), ifNull(billing_period, ''),
  price, change_pending, partial, overdue, had_trial, converted_at, counts, mrr, mrr_basis FROM (`+query+`)`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[string]world.State{}
	for rows.Next() {
		var s world.State
		var status string
		var auto *bool
		var disabled, since, period, started, ended, converted *time.Time
		var mrr decimal.Decimal
		var basis string
		var failed uint32
		var price *decimal.Decimal
		if err := rows.Scan(&s.SubscriptionID, &status, &auto, &disabled, &s.InTrial, &failed, &since, &period, &started, &ended,
			&s.EndReason, &s.TermType, &s.BillingPeriod, &price, &s.ChangePending, &s.Partial, &s.Overdue,
			&s.HadTrial, &converted, &s.Counts, &mrr, &basis); err != nil {
			t.Fatal(err)
		}
		s.Status, s.FailedPayments = world.Status(status), int(failed)
		if price != nil {
			s.Price = schemas.NullDecimal4{Decimal4: schemas.Decimal4(price.Shift(4).IntPart()), Valid: true}
		}
		if auto != nil {
			s.AutoRenew = world.AutoRenewOff
			if *auto {
				s.AutoRenew = world.AutoRenewOn
			}
		}
		s.AutoRenewDisabledAt, s.FailedSince, s.CurrentPeriodEndsAt = millis(disabled), millis(since), millis(period)
		s.StartedAt, s.EndedAt, s.ConvertedAt = millis(started), millis(ended), millis(converted)
		s.MRR = schemas.Decimal4(mrr.Shift(4).IntPart())
		if charged := basis == "charged"; charged != s.Price.Valid || !charged && basis != "none" {
			t.Errorf("%s has the basis %s, and the price %v", s.SubscriptionID, basis, s.Price)
		}
		if _, twice := all[s.SubscriptionID]; twice {
			t.Errorf("%s has two states", s.SubscriptionID)
		}
		all[s.SubscriptionID] = s
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func millis(at *time.Time) schemas.NullMillis {
	if at == nil {
		return schemas.NullMillis{}
	}
	return schemas.NullMillis{Millis: schemas.Millis(at.UnixMilli()), Valid: true}
}

// life is one of the hand-checked lives of the reference vectors.
type life struct {
	ID       string
	Messages []struct {
		SubscriptionID string           `json:"subscription_id"`
		UserID         string           `json:"user_id"`
		At             time.Time        `json:"event_timestamp"`
		Action         string           `json:"subscription_action"`
		TermType       string           `json:"term_type"`
		NextBilledAt   *time.Time       `json:"next_billed_at"`
		TrialEndsAt    *time.Time       `json:"trial_period_ended_at"`
		Period         string           `json:"billing_period"`
		Value          *decimal.Decimal `json:"transaction_value"`
		ChangeTo       string           `json:"upgrade_to_subscription_id"`
	}
	States map[string]struct {
		Status         string
		AutoRenew      *bool
		DisabledAt     *time.Time `json:"autorenew_disabled_at"`
		InTrial        bool       `json:"in_trial"`
		FailedPayments int        `json:"failed_payments"`
		PeriodEndsAt   *time.Time `json:"current_period_ends_at"`
		StartedAt      *time.Time `json:"started_at"`
		EndedAt        *time.Time `json:"ended_at"`
		EndReason      string     `json:"end_reason"`
		TermType       string     `json:"term_type"`
		BillingPeriod  string     `json:"billing_period"`
		Partial        bool
	} `json:"state_on_2026_07_01"`
}

// rows are the events of the life.
func (l life) rows() (rows []eventRow) {
	for _, m := range l.Messages {
		f := world.Fact{At: schemas.Millis(m.At.UnixMilli()), Action: m.Action, NextBilledAt: millis(m.NextBilledAt),
			TrialEndsAt: millis(m.TrialEndsAt), TermType: m.TermType, Period: m.Period, ChangeTo: m.ChangeTo}
		if m.Value != nil {
			f.Value = schemas.NullDecimal4{Decimal4: schemas.Decimal4(m.Value.Shift(4).IntPart()), Valid: true}
		}
		rows = append(rows, eventRow{m.SubscriptionID, m.UserID, f})
	}
	return rows
}

// TestState_EveryLifeGivesItsState holds the view's query against the lives of the
// reference vectors, stored in any order.
func TestState_EveryLifeGivesItsState(t *testing.T) {
	tier.Full(t, "queries the state of each life")
	conn := stateDatabase(t)
	raw, err := os.ReadFile("../internal/sandbox/world/testdata/lives.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Lives []life }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Lives) != 12 {
		t.Fatalf("%d lives, want 12", len(file.Lives))
	}
	asOf := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	for round := range 5 {
		if err := conn.Exec(t.Context(), "TRUNCATE TABLE piano.subscription_events"); err != nil {
			t.Fatal(err)
		}
		var rows []eventRow
		for _, l := range file.Lives {
			rows = append(rows, l.rows()...)
		}
		rand.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		for _, r := range rows { // each in a part of its own
			store(t, conn, []eventRow{r})
		}
		got := states(t, conn, asOf)
		n := 0
		for _, l := range file.Lives {
			for id, want := range l.States {
				n++
				expected := world.State{SubscriptionID: id, Status: world.Status(want.Status), AutoRenewDisabledAt: millis(want.DisabledAt),
					InTrial: want.InTrial, FailedPayments: want.FailedPayments, FailedSince: got[id].FailedSince,
					CurrentPeriodEndsAt: millis(want.PeriodEndsAt), StartedAt: millis(want.StartedAt), EndedAt: millis(want.EndedAt),
					EndReason: want.EndReason, TermType: want.TermType, BillingPeriod: want.BillingPeriod, Partial: want.Partial,
					Overdue: got[id].Overdue, ChangePending: got[id].ChangePending, Price: got[id].Price,
					HadTrial: got[id].HadTrial, ConvertedAt: got[id].ConvertedAt, Counts: got[id].Counts, MRR: got[id].MRR}
				if want.AutoRenew != nil {
					expected.AutoRenew = world.AutoRenewOff
					if *want.AutoRenew {
						expected.AutoRenew = world.AutoRenewOn
					}
				}
				if got[id] != expected {
					t.Errorf("round %d, %s\n got %+v\nwant %+v", round, id, got[id], expected)
				}
			}
		}
		if n != len(got) {
			t.Errorf("%d states, want %d", len(got), n)
		}
	}
}

// TestState_EqualsTheOracle draws lives of every kind, most of which no publisher
// has seen, and holds the query against the simulated world's own rules, which
// were written without SQL.
func TestState_EqualsTheOracle(t *testing.T) {
	conn := stateDatabase(t)
	seed := tier.Seed()
	dice := rand.New(rand.NewPCG(seed, 1))
	const subscriptions, day = 4000, 86_400_000
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	facts, rows := randomLives(dice, subscriptions, 20, schemas.Millis(begin))
	store(t, conn, rows)
	first := firstOf(facts)
	for _, after := range []int64{3, 11, 60} {
		asOf := schemas.Millis(begin + after*day)
		got := states(t, conn, instant(asOf))
		wrong := 0
		for id, mine := range facts {
			if at := first(id); at.Millis > asOf {
				if s, there := got[id]; there {
					t.Errorf("%s has not begun, and has the state %+v", id, s)
				}
				continue
			}
			if want := world.StateOf(id, mine, asOf, first); got[id] != want {
				if wrong++; wrong <= 3 {
					t.Errorf("seed %d, day %d, %s\n got %+v\nwant %+v\nof %s", seed, after, id, got[id], want, tell(mine, begin))
				}
			}
		}
		if wrong > 0 {
			t.Errorf("seed %d, day %d: %d of %d states are wrong", seed, after, wrong, len(facts))
		}
	}
	all := states(t, conn, instant(schemas.Millis(begin+60*day)))
	if err := clickhouse.RefreshState(t.Context(), conn, schemas.Options{Database: "piano"}); err != nil {
		t.Fatal(err)
	}
	now := scanStates(t, conn, "SELECT * FROM piano.subscription_state")
	if len(now) != len(facts) {
		t.Errorf("the view shows %d subscriptions, want %d", len(now), len(facts))
	}
	for id, s := range now {
		if want := world.StateOf(id, facts[id], schemas.Millis(time.Now().UnixMilli()), first); s != want {
			t.Errorf("seed %d, now, %s\n got %+v\nwant %+v\nof %s", seed, id, s, want, tell(facts[id], begin))
		}
	}
	one := scanStates(t, conn, fmt.Sprintf("SELECT * FROM piano.subscription_state_of(subscription = 's0007', at = '%s')",
		sqlInstant(instant(schemas.Millis(begin+60*day+1)))))
	if len(one) != 1 || one["s0007"] != all["s0007"] {
		t.Errorf("narrowed to one: got %+v, want %+v", one, all["s0007"])
	}
}

func tell(facts []world.Fact, begin int64) string {
	var b strings.Builder
	for _, f := range facts {
		fmt.Fprintf(&b, "\n  day %2d %-20s %+v", (int64(f.At)-begin)/86_400_000, f.Action, f)
	}
	return b.String()
}
