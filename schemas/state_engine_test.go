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
	o := schemas.Options{Database: "piano"}
	database, err := schemas.CreateDatabase(o)
	if err != nil {
		t.Fatal(err)
	}
	statements := []string{database}
	migrations, err := schemas.Migrations(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range migrations {
		statements = append(statements, m.Statements...)
	}
	for _, s := range statements {
		if err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%v\n%s", err, s)
		}
	}
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
				text(f.TermType), text(f.Period), text(f.ChangeTo), f.Action, uint64(1), instant(f.At))
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

// states reads the state of every subscription at a moment.
func states(t *testing.T, conn driver.Conn, asOf time.Time, where string) map[string]world.State {
	t.Helper()
	query, err := schemas.StateQuery(schemas.Options{Database: "piano"},
		fmt.Sprintf("toDateTime64('%s', 3, 'UTC')", asOf.UTC().Format("2006-01-02 15:04:05.000")), where)
	if err != nil {
		t.Fatal(err)
	}
	return scanStates(t, conn, "SELECT * FROM ("+query+")")
}

func scanStates(t *testing.T, conn driver.Conn, query string) map[string]world.State {
	t.Helper()
	rows, err := conn.Query(t.Context(), `SELECT subscription_id, status, autorenew, autorenew_disabled_at, in_trial, failed_payments,
  failed_since, current_period_ends_at, started_at, ended_at, ifNull(end_reason, ''), ifNull(term_type, ''), ifNull(billing_period, ''),
  price, change_pending, partial, overdue FROM (`+query+`)`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[string]world.State{}
	for rows.Next() {
		var s world.State
		var status string
		var auto *bool
		var disabled, since, period, started, ended *time.Time
		var failed uint32
		var price *decimal.Decimal
		if err := rows.Scan(&s.SubscriptionID, &status, &auto, &disabled, &s.InTrial, &failed, &since, &period, &started, &ended,
			&s.EndReason, &s.TermType, &s.BillingPeriod, &price, &s.ChangePending, &s.Partial, &s.Overdue); err != nil {
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
		s.StartedAt, s.EndedAt = millis(started), millis(ended)
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
			for _, m := range l.Messages {
				f := world.Fact{At: schemas.Millis(m.At.UnixMilli()), Action: m.Action, NextBilledAt: millis(m.NextBilledAt),
					TrialEndsAt: millis(m.TrialEndsAt), TermType: m.TermType, Period: m.Period, ChangeTo: m.ChangeTo}
				if m.Value != nil {
					f.Value = schemas.NullDecimal4{Decimal4: schemas.Decimal4(m.Value.Shift(4).IntPart()), Valid: true}
				}
				rows = append(rows, eventRow{m.SubscriptionID, m.UserID, f})
			}
		}
		rand.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		for _, r := range rows { // each in a part of its own
			store(t, conn, []eventRow{r})
		}
		got := states(t, conn, asOf, "")
		n := 0
		for _, l := range file.Lives {
			for id, want := range l.States {
				n++
				expected := world.State{SubscriptionID: id, Status: world.Status(want.Status), AutoRenewDisabledAt: millis(want.DisabledAt),
					InTrial: want.InTrial, FailedPayments: want.FailedPayments, FailedSince: got[id].FailedSince,
					CurrentPeriodEndsAt: millis(want.PeriodEndsAt), StartedAt: millis(want.StartedAt), EndedAt: millis(want.EndedAt),
					EndReason: want.EndReason, TermType: want.TermType, BillingPeriod: want.BillingPeriod, Partial: want.Partial,
					Overdue: got[id].Overdue, ChangePending: got[id].ChangePending, Price: got[id].Price}
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
	seed := uint64(time.Now().UnixNano())
	dice := rand.New(rand.NewPCG(seed, 1))
	const subscriptions, day = 4000, 86_400_000
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	name := func(i int) string { return fmt.Sprintf("s%04d", i) }
	facts := map[string][]world.Fact{}
	var rows []eventRow
	for i := range subscriptions {
		seen := map[string]bool{}
		for range 1 + dice.IntN(9) {
			f := world.Fact{
				At:     schemas.Millis(begin + dice.Int64N(20)*day), // few instants, so that they are shared
				Action: append(schemas.Actions(), "Refunded")[dice.IntN(13)],
			}
			if key := fmt.Sprint(f.At, f.Action); seen[key] {
				continue
			} else {
				seen[key] = true
			}
			some := func() schemas.NullMillis {
				if dice.IntN(2) == 0 {
					return schemas.NullMillis{}
				}
				return schemas.NullMillis{Millis: f.At + schemas.Millis((dice.Int64N(12)-2)*day), Valid: true}
			}
			f.NextBilledAt, f.TrialEndsAt = some(), some()
			if dice.IntN(2) == 0 {
				f.Value = schemas.NullDecimal4{Decimal4: schemas.Decimal4(dice.Int64N(3) * 100_000), Valid: true}
			}
			f.TermType = []string{"", "payment", "dynamic"}[dice.IntN(3)]
			f.Period = []string{"", "1 month", "1 year"}[dice.IntN(3)]
			switch dice.IntN(3) {
			case 0:
				f.ChangeTo = name((i + 1 + dice.IntN(3)) % (subscriptions + 1)) // the last one has no events
			case 1:
				f.ChangeTo = name(i)
			}
			facts[name(i)] = append(facts[name(i)], f)
			rows = append(rows, eventRow{name(i), "u", f})
		}
	}
	dice.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	store(t, conn, rows)
	first := func(id string) (at schemas.NullMillis) {
		for _, f := range facts[id] {
			if !at.Valid || f.At < at.Millis {
				at = schemas.NullMillis{Millis: f.At, Valid: true}
			}
		}
		return at
	}
	for _, after := range []int64{3, 11, 60} {
		asOf := schemas.Millis(begin + after*day)
		got := states(t, conn, instant(asOf), "")
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
	one := states(t, conn, instant(schemas.Millis(begin+60*day)), "subscription_id = 's0007'")
	all := states(t, conn, instant(schemas.Millis(begin+60*day)), "")
	if len(one) != 1 || one["s0007"] != all["s0007"] {
		t.Errorf("narrowed to one: got %+v, want %+v", one, all["s0007"])
	}
	if view := scanStates(t, conn, "SELECT * FROM piano.subscription_state"); len(view) != len(facts) {
		t.Errorf("the view shows %d subscriptions, want %d", len(view), len(facts))
	}
}

func tell(facts []world.Fact, begin int64) string {
	var b strings.Builder
	for _, f := range facts {
		fmt.Fprintf(&b, "\n  day %2d %-20s %+v", (int64(f.At)-begin)/86_400_000, f.Action, f)
	}
	return b.String()
}
