package schemas_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	driverclickhouse "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/wait"
	"github.com/pianola/pianola/schemas"
)

// stateTest is a database whose state is refreshed when the test says so.
type stateTest struct {
	*testing.T
	conn driver.Conn
}

func newStateTest(t *testing.T) stateTest {
	t.Helper()
	return stateTest{t, stateDatabase(t)}
}

func (s stateTest) exec(statement string) {
	s.Helper()
	if err := s.conn.Exec(s.Context(), statement); err != nil {
		s.Fatalf("%v\n%s", err, statement)
	}
}

func (s stateTest) refresh() {
	s.Helper()
	if err := clickhouse.RefreshState(s.Context(), s.conn, schemas.Options{Database: "piano"}); err != nil {
		s.Fatal(err)
	}
}

// text is the single value of a query.
func (s stateTest) text(query string) (text string) {
	s.Helper()
	if err := s.conn.QueryRow(s.Context(), "SELECT toString(("+query+"))").Scan(&text); err != nil {
		s.Fatalf("%v\n%s", err, query)
	}
	return text
}

// is compares the single value of a query.
func (s stateTest) is(query, want string) {
	s.Helper()
	if got := s.text(query); got != want {
		s.Errorf("%s\n got %s\nwant %s", query, got, want)
	}
}

// event inserts a row. at and synced are expressions of ClickHouse.
func (s stateTest) event(subscription, at, action, synced string, more ...string) {
	s.Helper()
	columns, values := "", ""
	for _, m := range more {
		name, value, _ := strings.Cut(m, "=")
		columns, values = columns+", "+name, values+", "+value
	}
	s.exec(fmt.Sprintf(`INSERT INTO piano.subscription_events (event_id, subscription_id, event_timestamp, subscription_action, synced_at%s)
		SELECT reinterpretAsUUID(murmurHash3_128(concat('%s', toString(%s), '%s'))), '%s', %s, '%s', %s%s`,
		columns, subscription, at, action, subscription, at, action, synced, values))
}

// randomLives draws lives of every kind, within a span of days after begin.
func randomLives(dice *rand.Rand, subscriptions, span int, begin schemas.Millis) (map[string][]world.Fact, []eventRow) {
	name := func(i int) string { return fmt.Sprintf("s%04d", i) }
	facts := map[string][]world.Fact{}
	var rows []eventRow
	for i := range subscriptions {
		seen := map[string]bool{}
		for range 1 + dice.IntN(9) {
			f := world.Fact{
				At:     begin + schemas.Millis(dice.IntN(span))*86_400_000, // few instants, so that they are shared
				Action: append(schemas.Actions(), "Refunded")[dice.IntN(13)],
			}
			key := fmt.Sprint(f.At, f.Action)
			if seen[key] {
				continue
			}
			seen[key] = true
			some := func() schemas.NullMillis {
				if dice.IntN(2) == 0 {
					return schemas.NullMillis{}
				}
				return schemas.NullMillis{Millis: f.At + schemas.Millis(dice.IntN(span/2)-2)*86_400_000, Valid: true}
			}
			f.NextBilledAt, f.TrialEndsAt = some(), some()
			if dice.IntN(2) == 0 {
				f.Value = schemas.NullDecimal4{Decimal4: schemas.Decimal4(dice.Int64N(3) * 100_000), Valid: true}
			}
			f.TermType = []string{"", "payment", "dynamic", "gift"}[dice.IntN(4)]
			f.Period = []string{"", "1 month", "1 year", "2 weeks"}[dice.IntN(4)]
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
	return facts, rows
}

func firstOf(facts map[string][]world.Fact) func(string) schemas.NullMillis {
	return func(id string) (at schemas.NullMillis) {
		for _, f := range facts[id] {
			if !at.Valid || f.At < at.Millis {
				at = schemas.NullMillis{Millis: f.At, Valid: true}
			}
		}
		return at
	}
}

// TestRefresh_EqualsTheOracle refreshes between parts that arrive in any order. In the end
// the state, its history and the state at 13 month ends equal the oracle.
func TestRefresh_EqualsTheOracle(t *testing.T) {
	tier.Full(t, "refreshes the state several times")
	s := newStateTest(t)
	seed := tier.Seed()
	begin := time.Date(2025, 7, 1, 0, 0, 0, 0, time.UTC)
	facts, rows := randomLives(rand.New(rand.NewPCG(seed, 2)), 1500, 390, schemas.Millis(begin.UnixMilli()))
	for part := range slices.Chunk(rows, len(rows)/4+1) {
		store(t, s.conn, part)
		s.refresh()
	}
	first := firstOf(facts)
	now := scanStates(t, s.conn, "SELECT * FROM piano.subscription_state")
	if len(now) != len(facts) {
		t.Errorf("seed %d: %d states, want %d", seed, len(now), len(facts))
	}
	compare := func(when string, got map[string]world.State, at schemas.Millis) {
		t.Helper()
		wrong := 0
		for id, mine := range facts {
			if first(id).Millis > at {
				if _, there := got[id]; there {
					t.Errorf("seed %d, %s: %s has a state before its first event", seed, when, id)
				}
				continue
			}
			if want := world.StateOf(id, mine, at, first); got[id] != want {
				if wrong++; wrong <= 2 {
					t.Errorf("seed %d, %s, %s\n got %+v\nwant %+v\nof %s", seed, when, id, got[id], want, tell(mine, begin.UnixMilli()))
				}
			}
		}
		if wrong > 0 {
			t.Errorf("seed %d, %s: %d of %d states are wrong", seed, when, wrong, len(facts))
		}
	}
	compare("now", now, schemas.Millis(time.Now().UnixMilli()))
	for month := 1; month <= 13; month++ {
		end := begin.AddDate(0, month, 0)
		at := sqlInstant(end)
		before := schemas.Millis(end.UnixMilli() - 1)
		got := scanStates(t, s.conn, "SELECT * FROM piano.subscription_state_at(at = '"+at+"')")
		compare(at, got, before)

		rows, err := s.conn.Query(t.Context(), strings.ReplaceAll(`SELECT subscription_id, arrayLast(s -> s.at < '$', mrr_steps).mrr AS mrr,
				toString(arrayLast(s -> s.at < '$', status_steps).status), arrayLast(s -> s.at < '$', status_steps).in_trial, arrayLast(s -> s.at < '$', status_steps).counts
			FROM piano.subscriptions FINAL WHERE first_event_at < '$'`, "$", at))
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for rows.Next() {
			var id, status string
			var mrr decimal.Decimal
			var trial, counts bool
			if err := rows.Scan(&id, &mrr, &status, &trial, &counts); err != nil {
				t.Fatal(err)
			}
			seen[id] = true
			want := world.StateOf(id, facts[id], before, first)
			if schemas.Decimal4(mrr.Shift(4).IntPart()) != want.MRR || status != string(want.Status) || trial != want.InTrial || counts != want.Counts {
				t.Errorf("seed %d, history at %s, %s: mrr %v, status %s, in trial %t, counts %t\nwant %+v\nof %s",
					seed, at, id, mrr, status, trial, counts, want, tell(facts[id], begin.UnixMilli()))
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if len(seen) != len(got) {
			t.Errorf("seed %d, %s: the history has %d subscriptions, the state %d", seed, at, len(seen), len(got))
		}
	}
}

// TestRefresh_FindsLateRows: rows that become visible after a refresh are found, although
// the state has newer ones.
func TestRefresh_FindsLateRows(t *testing.T) {
	tier.Full(t, "refreshes the state several times")
	s := newStateTest(t)
	const of = "SELECT (status, events) FROM piano.subscription_state WHERE subscription_id = 'a'"
	flush := "toDateTime64('" + s.text("SELECT now64(3, 'UTC')") + "', 3, 'UTC')"
	s.event("a", "toDateTime64('2026-01-01', 3, 'UTC')", "Created", flush)
	s.refresh()
	s.is(of, "('active',1)")

	s.event("a", "toDateTime64('2026-02-01', 3, 'UTC')", "Canceled", flush) // another month of the same flush
	s.refresh()
	s.is(of, "('cancelled',2)")

	s.event("a", "toDateTime64('2026-03-01', 3, 'UTC')", "Renewed", "now64(3) - INTERVAL 10 MINUTE") // a slow insert, or a clock that is behind
	s.refresh()
	s.is(of, "('active',3)")

	s.event("a", "toDateTime64('2026-04-01', 3, 'UTC')", "Expired", "now64(3) - INTERVAL 3 HOUR") // retried for hours
	s.exec("INSERT INTO piano.ingest_ledger (kind, synced_at, written_at) SELECT 'flush', synced_at, now64(3) FROM piano.subscription_events WHERE subscription_action = 'Expired'")
	s.refresh()
	s.is(of, "('expired',4)")
	s.is("SELECT length(argMax(progress.seen, refresh)) FROM piano.subscriptions WHERE subscription_id = ''", "4")

	s.is("SELECT max(refreshed_at) < (SELECT max(refreshed_at) FROM piano.subscriptions WHERE subscription_id = '') FROM piano.subscriptions WHERE subscription_id = 'a'", "0")
	s.refresh()
	s.is("SELECT max(refreshed_at) < (SELECT max(refreshed_at) FROM piano.subscriptions WHERE subscription_id = '') FROM piano.subscriptions WHERE subscription_id = 'a'", "1") // nothing is new
}

// TestRefresh_FollowsRemovals: a delete marker changes the state. A subscription whose
// events are all removed is not shown.
func TestRefresh_FollowsRemovals(t *testing.T) {
	tier.Full(t, "refreshes the state several times")
	s := newStateTest(t)
	const all = "SELECT arraySort(groupArray((subscription_id, toString(status)))) FROM piano.subscription_state"
	s.event("a", "toDateTime64('2026-01-01', 3, 'UTC')", "Created", "now64(3)")
	s.event("a", "toDateTime64('2026-02-01', 3, 'UTC')", "Upgraded", "now64(3)", "upgrade_to_subscription_id='b'")
	s.refresh()
	s.is(all, "[('a','active')]")
	s.event("b", "toDateTime64('2026-02-03', 3, 'UTC')", "Created", "now64(3)")
	s.refresh()
	s.is(all, "[('a','upgraded'),('b','active')]") // a has no new rows
	s.event("b", "toDateTime64('2026-02-03', 3, 'UTC')", "Created", "now64(3)", "is_deleted=1")
	s.refresh()
	s.is(all, "[('a','active')]")
	s.exec("OPTIMIZE TABLE piano.subscriptions FINAL")
	s.event("b", "toDateTime64('2026-02-05', 3, 'UTC')", "Created", "now64(3)")
	s.refresh()
	s.is(all, "[('a','upgraded'),('b','active')]")
	s.is("SELECT toDate(ended_at) FROM piano.subscription_state WHERE subscription_id = 'a'", "2026-02-05")
}

// TestRefresh_WaitsForTheFuture: an event that lies ahead counts from its time on, also
// where the subscription has no other, and where another one changes to it.
func TestRefresh_WaitsForTheFuture(t *testing.T) {
	tier.Full(t, "waits for an event's time")
	s := newStateTest(t)
	const all = "SELECT arraySort(groupArray((subscription_id, toString(status)))) FROM piano.subscription_state"
	s.event("a", "toDateTime64('2026-02-01', 3, 'UTC')", "Upgraded", "now64(3)", "upgrade_to_subscription_id='b'")
	s.event("c", "toDateTime64('2026-02-01', 3, 'UTC')", "Created", "now64(3)")
	ahead := "toDateTime64('" + s.text("SELECT now64(3, 'UTC') + INTERVAL 20 SECOND") + "', 3, 'UTC')"
	s.event("b", ahead, "Created", "now64(3)")
	s.event("c", ahead, "Canceled", "now64(3)")
	s.refresh()
	if s.text("SELECT now64(3) < "+ahead) == "1" {
		s.is(all, "[('a','active'),('c','active')]")
	}
	err := wait.Until(t.Context(), 100*time.Millisecond, func() (bool, error) { return s.text("SELECT now64(3) >= "+ahead) == "1", nil })
	if err != nil {
		t.Fatal(err)
	}
	s.refresh()
	s.is(all, "[('a','upgraded'),('b','active'),('c','cancelled')]")
}

// TestRefresh_TakesPricesOfSnapshots: a snapshot changes what has no events of its own.
func TestRefresh_TakesPricesOfSnapshots(t *testing.T) {
	tier.Full(t, "refreshes the state several times")
	s := newStateTest(t)
	const of = "SELECT (currency, toString(mrr_basis), toString(mrr), regular_price) FROM piano.subscription_state WHERE subscription_id = "
	for _, id := range []string{"a", "b"} {
		s.event(id, "toDateTime64('2026-01-01', 3, 'UTC')", "Created", "now64(3)", "term_type='payment'", "billing_period='[60 EUR|6 months|*]'")
	}
	s.event("b", "toDateTime64('2026-02-01', 3, 'UTC')", "Renewed", "now64(3)", "term_type='payment'", "transaction_value=100")
	s.refresh()
	s.is(of+"'a'", "('EUR','none','0',NULL)")
	s.is(of+"'b'", "('EUR','charged','16.6667',NULL)")
	snapshot := func(price string) {
		id := uuid.NewString()
		s.exec("INSERT INTO piano.subscription_snapshots (snapshot_id, subscription_id, regular_price, currency) VALUES ('" + id + "', 'a', " + price + ", 'DKK'), ('" + id + "', 'b', " + price + ", 'DKK')")
		s.exec("INSERT INTO piano.snapshot_runs (snapshot_id, source, state, as_of, whole, rows, written_at) SELECT '" + id + "', 'api', 'complete', now64(3), true, 2, now64(3)")
		s.refresh()
	}
	snapshot("90")
	s.is(of+"'a'", "('DKK','list','15',90)")
	s.is(of+"'b'", "('DKK','charged','16.6667',90)")
	snapshot("96")
	s.is(of+"'a'", "('DKK','list','16',96)")
	s.is("SELECT arrayMap(x -> (toDate(x.at), toString(x.mrr)), mrr_steps) FROM piano.subscriptions FINAL WHERE subscription_id = 'b'", "[('2026-01-01','16'),('2026-02-01','16.6667')]")
}

// TestRefresh_LivesHaveTheirRevenue compares the history with the monthly revenue that the
// reference vectors state.
func TestRefresh_LivesHaveTheirRevenue(t *testing.T) {
	tier.Full(t, "refreshes the state")
	s := newStateTest(t)
	raw, err := os.ReadFile("../internal/sandbox/world/testdata/lives.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Lives []struct {
			life
			Revenue map[string]decimal.Decimal `json:"mrr_month_ends"`
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	var rows []eventRow
	for _, l := range file.Lives {
		rows = append(rows, l.rows()...)
	}
	store(t, s.conn, rows)
	s.refresh()
	checked := 0
	for _, l := range file.Lives {
		ids := map[string]bool{}
		for _, m := range l.Messages {
			ids["'"+m.SubscriptionID+"'"] = true
		}
		of := strings.Join(slices.Sorted(maps.Keys(ids)), ", ")
		for month, want := range l.Revenue {
			begin, err := time.Parse("2006-01", month)
			if err != nil {
				t.Fatal(err)
			}
			checked++
			s.is("SELECT toString(sum(arrayLast(s -> s.at < '"+begin.AddDate(0, 1, 0).Format(time.DateOnly)+"', mrr_steps).mrr)) FROM piano.subscriptions FINAL WHERE subscription_id IN ("+of+")", want.String())
		}
	}
	if checked < 60 {
		t.Errorf("%d month ends were compared", checked)
	}
}

// TestRefresh_SurvivesAKill ends the server during refreshes. Nothing is missing afterwards.
func TestRefresh_SurvivesAKill(t *testing.T) {
	tier.Full(t, "kills a server")
	c := clickhouse.Loopback(t.TempDir())
	c.Access.Users = []clickhouse.User{clickhouse.Owner(engine.User, engine.Password)}
	own, err := clickhouse.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = own.Close() }) // its data goes with the test
	o := schemas.Options{Database: "piano"}
	s := stateTest{t, connectTo(t, own, "default")}
	engine.MigrateWithState(t, s.conn, o)
	for round := range 3 {
		s.exec(fmt.Sprintf(`INSERT INTO piano.subscription_events (event_id, subscription_id, event_timestamp, subscription_action, synced_at)
			SELECT generateUUIDv4(), concat('%d-', toString(number)), toDateTime64('2026-01-01', 3, 'UTC'), 'Created', now64(3) FROM numbers(20000)`, round))
		s.exec("SYSTEM REFRESH VIEW piano." + schemas.StateRefreshView)
		err := wait.Until(t.Context(), time.Millisecond, func() (bool, error) {
			return s.text("SELECT any(status) FROM system.view_refreshes WHERE view = '"+schemas.StateRefreshView+"'") == "Running", nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := own.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := own.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.conn = connectTo(t, own, "default")
		s.refresh()
		s.is("SELECT (count(), sum(events)) FROM piano.subscription_state", fmt.Sprintf("(%d,%[1]d)", (round+1)*20000))
	}
}

func connectTo(t testing.TB, s *clickhouse.Server, database string) driver.Conn {
	t.Helper()
	conn, err := driverclickhouse.Open(&driverclickhouse.Options{
		Addr: []string{s.NativeAddr()}, Auth: driverclickhouse.Auth{Database: database, Username: engine.User, Password: engine.Password},
		ReadTimeout: time.Hour, // a benchmark's statements are long
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // its server may have been killed
	return conn
}
