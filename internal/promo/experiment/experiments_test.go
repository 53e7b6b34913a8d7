package experiment_test

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/promo/experiment"
	"github.com/pianola/pianola/internal/promo/segment"
	"github.com/pianola/pianola/internal/promo/store"
	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
)

// server is the engine that the package's tests share.
var server engine.Engine

func TestMain(m *testing.M) { os.Exit(server.Run(m)) }

type world struct {
	*testing.T
	conn   driver.Conn
	tables schemas.Options
	x      experiment.Experiments
	now    time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	conn, tables := server.Database(t)
	w := &world{T: t, conn: conn, tables: tables, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s := store.Store{Conn: conn, Tables: tables, Log: zap.NewNop()}
	now := func() time.Time { return w.now }
	w.x = experiment.Experiments{Store: s, Now: now, Segments: segment.Segments{Store: s, Instance: "test", Now: now}}
	return w
}

func (w *world) exec(sql string) {
	w.Helper()
	if err := w.conn.Exec(w.Context(), sql); err != nil {
		w.Fatalf("%v\n%s", err, sql)
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// computed says that the state is complete at a time.
func (w *world) computed(at string) {
	w.Helper()
	w.exec("INSERT INTO " + w.tables.Table("subscriptions") + " (subscription_id, progress, refresh, is_deleted) SELECT '', ('" + at + "', '" + at + "', toUUID('00000000-0000-0000-0000-000000000000'), []), toYYYYMMDD(toDate('" + at[:10] + "')), 1")
}

// left adds users of the segment, from and to a number.
func (w *world) left(from, to int) {
	w.Helper()
	w.exec(fmt.Sprintf(`INSERT INTO %s (subscription_id, user_id, status, closed, counts, ended_at, end_reason, refresh)
		SELECT concat('S', toString(number)), concat('u', toString(number)), 'expired', true, true, '2026-02-01', 'cancelled', 1 FROM numbers(%d, %d)`, w.tables.Table("subscriptions"), from, to-from))
}

func (w *world) refresh(e *experiment.Experiment) {
	w.Helper()
	r, err := segment.Parse(e.Segment)
	w.must(err)
	_, err = w.x.Segments.Refresh(w.Context(), r)
	w.must(err)
}

// arms are the arms of all users with their times.
func (w *world) arms() map[string]string {
	w.Helper()
	all := map[string]string{}
	rows, err := w.conn.Query(w.Context(), "SELECT user_id, concat(arm, ' ', toString(assigned_at)) FROM "+w.tables.Table("experiment_assignments")+" FINAL")
	w.must(err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var user, arm string
		w.must(rows.Scan(&user, &arm))
		all[user] = arm
	}
	w.must(rows.Err())
	return all
}

func TestExperiment_FromSegmentToResult(t *testing.T) {
	tier.Full(t, "fills a database")
	w := newWorld(t)
	w.computed("2026-03-01 00:00:00")
	w.left(0, 150)
	e := &experiment.Experiment{
		ID: "winback", Segment: "ended?days=3650", ConversionDays: 14, RenewalDays: 60, Baseline: 0.1, Target: 0.4, Alpha: 0.05, Power: 0.8, CreatedBy: "test",
		Arms: []experiment.Arm{{Name: "control", Weight: 1}, {Name: "half", Weight: 1, PromotionID: "PR1"}},
	}
	w.must(e.Prepare())
	w.must(w.x.Create(t.Context(), e))
	if err := w.x.Create(t.Context(), e); !errors.Is(err, experiment.ErrExists) {
		t.Errorf("created twice: %v", err)
	}
	// Another process has created one of the same name at the same moment, with another key.
	w.exec(fmt.Sprintf("INSERT INTO %[1]s SELECT * REPLACE('other' AS experiment_id) FROM %[1]s UNION ALL SELECT * REPLACE('other' AS experiment_id, 'ff' AS salt) FROM %[1]s", w.tables.Table("experiments")))
	if _, err := w.x.Find(t.Context(), "other"); !errors.Is(err, experiment.ErrTwice) {
		t.Errorf("created twice at once: %v", err)
	}
	if _, err := w.x.Assign(t.Context(), "other", true); !errors.Is(err, experiment.ErrTwice) {
		t.Errorf("assigned by one of two keys: %v", err)
	}
	w.exec("ALTER TABLE " + w.tables.Table("experiments") + " DELETE WHERE experiment_id = 'other' SETTINGS mutations_sync = 1")
	if _, err := w.x.Assign(t.Context(), "winback", true); !errors.Is(err, experiment.ErrNoRun) {
		t.Errorf("without a run: %v", err)
	}
	if _, err := w.x.Assign(t.Context(), "nothing", true); !errors.Is(err, experiment.ErrUnknown) {
		t.Errorf("unknown: %v", err)
	}
	found, err := w.x.Find(t.Context(), "winback")
	w.must(err)
	if !reflect.DeepEqual(found.Arms, e.Arms) || !found.CreatedAt.Equal(e.CreatedAt) || found.Segment != e.Segment {
		t.Errorf("read back %+v, written %+v", found, e)
	}

	// A plan writes nothing; an assignment writes what the plan says, once.
	w.refresh(e)
	plan, err := w.x.Assign(t.Context(), "winback", false)
	w.must(err)
	if len(w.arms()) != 0 || plan.Arms[0].Added+plan.Arms[1].Added != 150 {
		t.Fatalf("the plan %+v has written %d rows", plan, len(w.arms()))
	}
	done, err := w.x.Assign(t.Context(), "winback", true)
	w.must(err)
	if !reflect.DeepEqual(done.Arms, plan.Arms) {
		t.Errorf("done %+v, planned %+v", done.Arms, plan.Arms)
	}
	before := w.arms()

	// Later the segment has grown. New users are added, and the others keep arm and time.
	w.now = w.now.AddDate(0, 0, 1)
	w.left(150, 200)
	w.refresh(e)
	grown, err := w.x.Assign(t.Context(), "winback", true)
	w.must(err)
	after := w.arms()
	if len(after) != 200 || grown.Arms[0].Before != done.Arms[0].Added || grown.Arms[0].Added+grown.Arms[1].Added != 50 {
		t.Errorf("%d users, %+v", len(after), grown.Arms)
	}
	for user, arm := range before {
		if after[user] != arm {
			t.Errorf("%s had %q and has %q", user, arm, after[user])
		}
	}
	// Two processes that assign at once write the same arm, and the earlier time counts.
	w.exec("INSERT INTO " + w.tables.Table("experiment_assignments") + " SELECT experiment_id, user_id, arm, assigned_at + 5000, run_id, precedence - 5000000 FROM " + w.tables.Table("experiment_assignments") + " FINAL")
	if !reflect.DeepEqual(after, w.arms()) {
		t.Error("a second row has changed an assignment")
	}

	r, err := w.x.Report(t.Context(), "winback")
	w.must(err)
	if r.Conversion.Verdict != experiment.NotEnough || r.Arms[0].Assigned+r.Arms[1].Assigned != 200 || r.Conversion.Arms[0].Due != 0 {
		t.Errorf("the state is older than the assignments: %+v", r)
	}

	// Everybody of the arm "half" comes back at half the price within the days, and every
	// other one of them renews at the full price. In the control arm one comes back, too late.
	w.exec(fmt.Sprintf(`INSERT INTO %[1]s (subscription_id, user_id, status, counts, currency, regular_price, payments, refresh)
		SELECT concat('N', user_id), user_id, 'active', true, 'NOK', 100,
			arrayFilter(p -> p.2 != 0, [('2026-03-10', 50, true, '', '', '', ''), ('2026-04-10', if(toUInt32(substring(user_id, 2)) %% 2 = 0, 100, 0), true, '', '', '', ''), ('2026-05-20', 100, true, '', '', '', '')]), 1
		FROM %[2]s FINAL WHERE arm = 'half'`, w.tables.Table("subscriptions"), w.tables.Table("experiment_assignments")))
	w.exec(fmt.Sprintf(`INSERT INTO %[1]s (subscription_id, user_id, status, counts, currency, regular_price, payments, refresh)
		SELECT concat('N', user_id), user_id, 'active', true, 'NOK', 100, [('2026-03-30', 100, true, '', '', '', '')], 1
		FROM %[2]s FINAL WHERE arm = 'control' ORDER BY user_id LIMIT 1`, w.tables.Table("subscriptions"), w.tables.Table("experiment_assignments")))
	w.exec(fmt.Sprintf(`INSERT INTO %[1]s (conversion_id, promotion_id, code_state, subscription_id, created_at, read_at)
		SELECT concat('C', user_id), 'PR1', 'used', concat('N', user_id), '2026-03-30', '2026-05-01' FROM %[2]s FINAL WHERE arm = 'half'
		UNION ALL SELECT 'Cx', 'PR1', 'used', concat('N', min(user_id)), '2026-03-30', '2026-05-01' FROM %[2]s FINAL WHERE arm = 'control'
		UNION ALL SELECT '', '', 'active', '', '2026-03-30', '2026-05-01'`,
		w.tables.Table("promo_conversions"), w.tables.Table("experiment_assignments")))
	w.computed("2026-04-20 00:00:00")
	r, err = w.x.Report(t.Context(), "winback")
	w.must(err)
	half := e.Arms[1].Planned // of the others nobody is analysed
	c := r.Conversion
	if grown.Arms[1].Before+grown.Arms[1].Added <= half {
		t.Fatalf("everybody is analysed: %+v, planned %d", grown.Arms, half)
	}
	if c.Verdict != experiment.Result || *c.Arms[0].Successes != 0 || *c.Arms[1].Successes != half || c.Arms[1].Due != half || !c.Rates[0].Significant || c.Rates[0].Interval.Low < 0.8 {
		t.Errorf("%+v", c)
	}
	if r.Renewal.Verdict != experiment.NotEnough || r.Renewal.Arms[1].NotYetDue != half {
		t.Errorf("%+v", r.Renewal)
	}
	if r.CodesReadAt == nil || *r.Arms[0].OtherCode != 1 || *r.Arms[1].OtherCode != 0 {
		t.Errorf("codes: %+v", r.Arms)
	}
	w.computed("2026-05-30 00:00:00")
	r, err = w.x.Report(t.Context(), "winback")
	w.must(err)
	if r.Renewal.Verdict != experiment.Result || len(r.Renewal.Revenue) != 1 {
		t.Fatalf("%+v", r.Renewal)
	}
	// Every other one renewed; the charge of 20 May is after the sixty days.
	renewed := *r.Renewal.Arms[1].Successes
	money := r.Renewal.Revenue[0]
	if renewed == 0 || renewed == half || money.Currency != "NOK" || !money.Significant {
		t.Errorf("%d of %d renewed: %+v", renewed, half, r.Renewal)
	}
	if want := (50*float64(half) + 100*float64(renewed)) / float64(half); money.Mean != want || money.Control < 0 || money.Control > 100/float64(e.Arms[0].Planned) {
		t.Errorf("mean %v, want %v; control %v", money.Mean, want, money.Control)
	}
	// More people are assigned, and are due too: the result stays that of the planned ones.
	w.now = w.now.Add(time.Hour)
	w.left(200, 300)
	w.refresh(e)
	if more, err := w.x.Assign(t.Context(), "winback", true); err != nil || more.Arms[0].Added == 0 {
		t.Fatalf("%+v, %v", more, err)
	}
	again, err := w.x.Report(t.Context(), "winback")
	w.must(err)
	if again.Arms[0].Assigned <= r.Arms[0].Assigned || !reflect.DeepEqual(again.Conversion, r.Conversion) || !reflect.DeepEqual(again.Renewal, r.Renewal) {
		t.Errorf("people who were added have changed the result from\n%+v\nto\n%+v", r.Conversion, again.Conversion)
	}
	if all, err := w.x.List(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}
