package segment_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/promo/segment"
	"github.com/pianola/pianola/internal/promo/store"
	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
)

// server is the engine that the package's tests share.
var server engine.Engine

func TestMain(m *testing.M) { os.Exit(server.Run(m)) }

// world is a database with the states that a test writes.
type world struct {
	*testing.T
	conn   driver.Conn
	tables schemas.Options
	segment.Segments
}

// at is the time of the state of every world.
const at = "2026-06-01 00:00:00"

func newWorld(t *testing.T) *world {
	t.Helper()
	conn, tables := server.Database(t)
	w := &world{T: t, conn: conn, tables: tables, Segments: segment.Segments{
		Store: store.Store{Conn: conn, Tables: tables, Log: zap.NewNop()}, Instance: "test", Now: time.Now,
	}}
	return w
}

func (w *world) exec(sql string) {
	w.Helper()
	if err := w.conn.Exec(w.Context(), sql); err != nil {
		w.Fatalf("%v\n%s", err, sql)
	}
}

// computed says that the state is complete at the time.
func (w *world) computed() {
	w.Helper()
	w.exec("INSERT INTO " + w.tables.Table("subscriptions") + " (subscription_id, progress, refresh, is_deleted) SELECT '', ('" + at + "', '" + at + "', toUUID('00000000-0000-0000-0000-000000000000'), []), 1, 1")
}

// subscription writes one. columns are assignments in SQL, such as status = 'active'.
func (w *world) subscription(id, user string, columns ...string) {
	w.Helper()
	names, values := []string{"subscription_id", "user_id", "counts", "refresh", "currency"}, []string{"'" + id + "'", "'" + user + "'", "true", "1", "'NOK'"}
	for _, c := range columns {
		name, value, _ := strings.Cut(c, " = ")
		if i := slices.Index(names, name); i >= 0 {
			values[i] = value
			continue
		}
		names, values = append(names, name), append(values, value)
	}
	w.exec("INSERT INTO " + w.tables.Table("subscriptions") + " (" + strings.Join(names, ", ") + ") SELECT " + strings.Join(values, ", "))
}

func (w *world) users(reference string) string {
	w.Helper()
	r, err := segment.Parse(reference)
	if err != nil {
		w.Fatal(err)
	}
	run, err := w.Refresh(w.Context(), r)
	if err != nil {
		w.Fatal(err)
	}
	members, err := w.Members(w.Context(), run)
	if err != nil {
		w.Fatal(err)
	}
	if run.Users != uint64(len(members)) {
		w.Errorf("%s: the run %+v has %d users", reference, run, len(members))
	}
	var names []string
	for _, m := range members {
		names = append(names, m.UserID)
	}
	return strings.Join(names, " ")
}

// payments are charges in SQL: pairs of day and value.
func payments(pairs ...any) string {
	var all []string
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, fmt.Sprintf("('%s', %v, true, '', '', '', '')", pairs[i], pairs[i+1]))
	}
	return "payments = [" + strings.Join(all, ", ") + "]"
}

const (
	live  = "status = 'active'"
	ended = "closed = true"
)

func TestSegments_HoldWhomTheirTextSays(t *testing.T) {
	tier.Full(t, "materialises every segment")
	w := newWorld(t)
	w.computed()
	paid := payments("2026-01-01", 100)
	gone := func(id, user, day, reason string, more ...string) {
		w.subscription(id, user, append([]string{"status = 'expired'", ended, "ended_at = '" + day + "'", "end_reason = '" + reason + "'", "country = 'NO'"}, more...)...)
	}
	gone("S1", "cancelled", "2026-05-20", "cancelled", paid)
	gone("S2", "long_gone", "2026-03-01", "auto_renew_off", paid)
	gone("S3", "failed", "2026-05-20", "payment_failed", paid)
	gone("S4", "tried", "2026-05-20", "trial_not_converted", "had_trial = true")
	gone("S5", "unpaid", "2026-05-20", "cancelled")
	// One who came back, and one who left again later for another reason.
	gone("S6", "back", "2026-05-20", "cancelled", paid)
	w.subscription("S7", "back", live)
	gone("S8", "twice", "2026-05-01", "cancelled", paid)
	gone("S9", "twice", "2026-05-20", "payment_failed", paid)
	// A plan change is no end of a customer.
	gone("S10", "changed", "2026-05-20", "plan_change", paid)
	// Codes: redeemed, reserved in a trial and released, by Piano and by a file.
	gone("S11", "redeemed", "2026-05-20", "cancelled", paid)
	w.exec("INSERT INTO " + w.tables.Table("promo_conversions") + " (conversion_id, subscription_id, promo_code, code_state, read_at) SELECT 'C1', 'S11', 'SPRING20', 'used', now64(3)")
	gone("S12", "released", "2026-05-20", "trial_not_converted", "had_trial = true")
	// Without a source of codes nobody knows who has redeemed one, also when an interrupted
	// read has written some.
	for _, text := range []string{"never_redeemed", "redeemed_code?code=SPRING20"} {
		r, err := segment.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Preview(t.Context(), r); !errors.Is(err, segment.ErrNoCodes) {
			t.Errorf("%s without a source: %v", text, err)
		}
		if _, err := w.Refresh(t.Context(), r); !errors.Is(err, segment.ErrNoCodes) {
			t.Errorf("%s without a source: %v", text, err)
		}
	}
	w.exec("INSERT INTO " + w.tables.Table("snapshot_runs") + " (snapshot_id, source, state, as_of, whole, written_at) SELECT '00000000-0000-0000-0000-000000000001', 'csv', 'complete', now64(3) - 60, true, now64(3)")
	w.exec("INSERT INTO " + w.tables.Table("subscription_snapshot_traits") + " (snapshot_id, subscription_id, promo_code) SELECT '00000000-0000-0000-0000-000000000001', 'S12', ' spring20'")
	// Not visible: internal, of another kind of term, without a user.
	gone("S13", "internal", "2026-05-20", "cancelled", paid, "newest = (1, '2026-05-01')")
	w.exec("INSERT INTO " + w.tables.Table("subscription_events") + " (event_id, subscription_id, user_id, event_timestamp, version, synced_at) SELECT generateUUIDv4(), 'S13', 'internal', '2026-05-20', 1, '2026-05-20'")
	w.exec("INSERT INTO " + w.tables.Table("filtered_subscriptions") + " SELECT 'S13', 2, now64(3)")
	gone("S14", "gift", "2026-05-20", "cancelled", paid, "counts = false")
	gone("S15", "", "2026-05-20", "cancelled", paid)
	// Live ones.
	w.subscription("L1", "failing", "status = 'fail_and_retry'", "failed_payments = 2", "country = 'DK'")
	w.subscription("L2", "in_trial", live, "trial_open = true", "had_trial = true", "trial_ends_at = '2026-06-04'")
	w.subscription("L3", "in_long_trial", live, "trial_open = true", "had_trial = true", "trial_ends_at = '2026-06-24'")
	w.subscription("L4", "off", live, "autorenew = false", "current_period_ends_at = '2026-06-10'")
	w.subscription("L5", "off_later", live, "autorenew = false", "current_period_ends_at = '2026-12-10'")
	w.subscription("L6", "overdue", live, "autorenew = true", "current_period_ends_at = '2026-05-10'")
	w.subscription("L7", "full", live, "regular_price = 100", payments("2025-05-01", 100, "2025-11-01", 100, "2026-05-01", 100))
	w.subscription("L8", "full_lately", live, "regular_price = 100", payments("2025-04-01", 50, "2025-11-01", 100, "2026-05-01", 100))
	w.subscription("L9", "cheap", live, "regular_price = 100", payments("2025-05-01", 100, "2026-05-01", 60))

	found := map[string]bool{} // names of definitions
	for reference, want := range map[string]string{
		"ended":                         "cancelled failed redeemed released tried twice unpaid",
		"ended?days=100":                "cancelled failed long_gone redeemed released tried twice unpaid",
		"ended?country=dk":              "",
		"voluntary_churn":               "cancelled redeemed",
		"voluntary_churn?days=3650":     "cancelled long_gone redeemed",
		"involuntary_churn":             "failed twice",
		"trial_not_converted":           "released tried",
		"never_redeemed":                "cancelled failed long_gone released tried twice unpaid",
		"payment_failing":               "failing",
		"payment_failing?failures=3":    "",
		"payment_failing?country=DK":    "failing",
		"trial_ending":                  "in_trial",
		"trial_ending?days=30":          "in_long_trial in_trial",
		"autorenew_off":                 "off",
		"at_risk":                       "failing off off_later overdue",
		"full_price":                    "full",
		"full_price?months=6":           "full full_lately",
		"discounted":                    "cheap",
		"redeemed_code?code=spring20":   "redeemed",
		"redeemed_code?code=' OR 1=1--": "",
	} {
		if got := w.users(reference); got != want {
			t.Errorf("%s\n got %s\nwant %s", reference, got, want)
		}
		if name, _, _ := strings.Cut(reference, "?"); want != "" {
			found[name] = true
		}
	}
	r, err := segment.Parse("ended")
	if err != nil {
		t.Fatal(err)
	}
	p, err := w.Preview(t.Context(), r)
	if err != nil || p.WithoutUser != 1 || p.Users != 7 || p.Subscriptions != 7 {
		t.Errorf("%+v, %v", p, err)
	}
	for _, d := range segment.Definitions() {
		if !found[d.Name] {
			t.Errorf("no test shows whom %s finds", d.Name)
		}
	}
}

func TestSegments_KeepTheLatestRuns(t *testing.T) {
	w := newWorld(t)
	r, err := segment.Parse("ended")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Refresh(t.Context(), r); err == nil || !strings.Contains(err.Error(), segment.ErrNoState.Error()) {
		t.Fatalf("without a state: %v", err)
	}
	w.computed()
	w.subscription("S1", "ada", ended, "ended_at = '2026-05-20'", "status = 'expired'", "end_reason = 'cancelled'")
	w.subscription("S2", "bea", ended, "ended_at = '2026-05-20'", "status = 'expired'", "end_reason = 'cancelled'")
	if run, err := w.Latest(t.Context(), r); run != nil || err != nil {
		t.Fatal(run, err)
	}
	// Ada has been erased, and a process was killed in the middle of a run.
	w.Suppressed = func(_, user string) bool { return user == "ada" }
	w.exec("INSERT INTO " + w.tables.Table("segment_runs") + " (run_id, segment, state, started_at, written_at) SELECT generateUUIDv4(), 'ended?days=30', 'begun', '2026-01-01', '2026-01-01'")
	w.exec("INSERT INTO " + w.tables.Table("segment_members") + " SELECT run_id, 'ada', 'S1' FROM " + w.tables.Table("segment_runs") + " WHERE state = 'begun'")
	var last *segment.Run
	for range 4 {
		if last, err = w.Refresh(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	latest, err := w.Latest(t.Context(), r)
	if err != nil || latest == nil || latest.ID != last.ID || latest.Users != 1 {
		t.Errorf("latest %+v, want %+v, %v", latest, last, err)
	}
	var runs uint64
	var users []string
	if err := w.conn.QueryRow(t.Context(), "SELECT uniqExact(run_id), groupUniqArray(user_id) FROM "+w.tables.Table("segment_members")).Scan(&runs, &users); err != nil {
		t.Fatal(err)
	}
	if runs != 2 || !slices.Equal(users, []string{"bea"}) {
		t.Errorf("%d runs of %v are left", runs, users)
	}
	if all, err := w.Materialised(t.Context()); err != nil || len(all) != 1 || all[0].ID != last.ID {
		t.Errorf("%+v, %v", all, err)
	}
}
