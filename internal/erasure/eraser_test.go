package erasure

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/progress"
	chserver "github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/internal/sandbox/testbed/traces"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

var server engine.Engine

func TestMain(m *testing.M) { os.Exit(server.Run(m)) }

// fixture is a database that the tests share, each with a person of its own.
type fixture struct {
	*testing.T
	conn   driver.Conn
	tables schemas.Options
	now    func() time.Time
}

// TestEraser runs its parts in one database.
func TestEraser(t *testing.T) {
	conn, o := server.Database(t)
	for _, part := range []struct {
		name string
		test func(*fixture)
	}{
		{"ended after each step", endedAfterEachStep},
		{"an address in place of an id", addressAsID},
		{"a purge that was interrupted", purgeInterrupted},
		{"a refresh beside the deletion", refreshBeside},
		{"a refresh behind an interrupted deletion", refreshBehind},
		{"a refresh without an end", refreshWithoutEnd},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(&fixture{T: t, conn: conn, tables: o, now: time.Now}) })
	}
}

// person has no rows yet.
func person(name string) traces.Person {
	return traces.Person{User: "user" + name, Subscription: "sub" + name, AddressHash: "hash" + name}
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) exec(statement string) {
	f.Helper()
	f.must(f.conn.Exec(clickhouse.Context(f.Context(), clickhouse.WithSettings(clickhouse.Settings{"mutations_sync": 2})), statement))
}

// leave writes rows of the person into every table.
func (f *fixture) leave(p traces.Person) {
	f.Helper()
	f.must(traces.LeaveMessages(f.Context(), f.conn, f.tables, p))
	f.must(traces.Leave(f.Context(), f.conn, f.tables, p))
}

// leaveState writes rows of the person where a refresh reads and where it writes.
func (f *fixture) leaveState(p traces.Person) {
	f.Helper()
	f.exec("INSERT INTO " + f.tables.Table("subscriptions") + " (subscription_id, user_id) VALUES ('" + p.Subscription + "', '" + p.User + "')")
	f.exec("INSERT INTO " + f.tables.Table("subscription_ends") + " (subscription_id) VALUES ('" + p.Subscription + "')")
}

// of are the tables that name the person. replay_claims has only ids of events, and only
// people who are to be erased have rows there.
func (f *fixture) of(p traces.Person) []string {
	f.Helper()
	with, err := traces.Of(f.Context(), f.conn, f.tables, p.User, p.Subscription, p.AddressHash)
	f.must(err)
	var claims uint64
	f.must(f.conn.QueryRow(f.Context(), "SELECT count() FROM "+f.tables.Table("replay_claims")).Scan(&claims))
	if claims > 0 {
		with = append(with, "replay_claims")
	}
	return with
}

// erase plans and executes, with a new Eraser as after a kill.
func (f *fixture) erase(p traces.Person, onStep func(string) error, report progress.Func) (*Plan, error) {
	f.Helper()
	e := f.eraser(onStep, report)
	plan, err := e.PlanUser(f.Context(), p.User)
	f.must(err)
	_, err = e.Execute(f.Context(), plan, Account{By: "J. Doe", Reason: "request 4711"})
	return plan, err
}

func (f *fixture) eraser(onStep func(string) error, report progress.Func) *Eraser {
	f.Helper()
	key, err := transform.NewSuppressionKey("a secret of the tests, 32 characters")
	f.must(err)
	e, err := New(Deps{Conn: f.conn, Database: f.tables.Database, Keys: []*transform.SuppressionKey{key}, Instance: "test", Now: func() time.Time { return f.now() }, Log: zap.NewNop(), Progress: report, OnStep: onStep})
	f.must(err)
	return e
}

// endedAfterEachStep ends an erasure behind its first step, as a kill would, and
// repeats it, each time to the next step. In the end nothing of the person is left, and there
// is one account, with the counts of an erasure that was not interrupted.
func endedAfterEachStep(f *fixture) {
	p := person("Ended")
	f.leave(p)
	e, err := New(Deps{Database: f.tables.Database})
	f.must(err)
	before := f.of(p)
	for _, r := range e.rules {
		if !slices.Contains(before, r.name) {
			f.Errorf("%s has no row of the person: the test proves nothing about it; see traces.Leave", r.name)
		}
	}
	want, steps := map[string]uint64{}, []string{StepTargets, StepListed, StepWaited, StepDeleted, StepVerified, StepRecorded, ""}
	for i, step := range steps {
		ended := errors.New("ended")
		plan, err := f.erase(p, func(done string) error {
			if done == step {
				return ended
			}
			return nil
		}, nil)
		if step != "" && !errors.Is(err, ended) || step == "" && err != nil {
			f.Fatalf("up to %q: got %v", step, err)
		}
		if i == 0 {
			for _, c := range plan.Tables {
				want[c.Table] = c.Deleted + c.Cleared
			}
		} else if plan.Resumes == "" {
			f.Errorf("up to %q: it begins again", step)
		}
		with := f.of(p)
		switch {
		case step == "" && len(with) > 0, slices.Index(steps, StepDeleted) <= i && step != "" && !slices.Equal(with, []string{"erasure_targets"}):
			f.Errorf("after %q the person is in %v", step, with)
		case i < slices.Index(steps, StepDeleted) && len(with) != len(before)+1:
			f.Errorf("after %q the person is in %v, and was in %v: the test proves nothing", step, with, before)
		}
	}
	rows, err := f.conn.Query(f.Context(), "SELECT state, counts FROM "+f.tables.Table("erasures")+" FINAL")
	f.must(err)
	defer func() { _ = rows.Close() }() // rows.Err reports the error
	accounts := 0
	for ; rows.Next(); accounts++ {
		var state string
		var counts map[string]uint64
		f.must(rows.Scan(&state, &counts))
		if state != "complete" || !maps.Equal(counts, want) {
			f.Errorf("the account is %s with %v, want %v", state, counts, want)
		}
	}
	f.must(rows.Err())
	if accounts != 1 {
		f.Errorf("%d accounts of one erasure", accounts)
	}
}

// addressAsID erases a person whose address stands where the user id belongs, and where the
// subscription id belongs: by the address, and by that user id.
func addressAsID(f *fixture) {
	for _, byUser := range []bool{false, true} {
		hash, ok := transform.HashAddress("odd@example.com")
		if !ok {
			f.Fatal("no address")
		}
		id := transform.Guard("Odd@Example.com")
		f.exec("INSERT INTO " + f.tables.Table("subscription_events") + " (event_id, subscription_id, user_id, event_timestamp, subscription_action, version) VALUES " +
			"(generateUUIDv4(), 'odd-sub', '" + id + "', '2026-01-01 00:00:00', 'Created', 1), (generateUUIDv4(), '" + id + "', '', '2026-01-01 00:00:00', 'Created', 1)")
		e := f.eraser(nil, nil)
		plan, err := e.PlanAddress(f.Context(), hash)
		if byUser {
			plan, err = e.PlanUser(f.Context(), id)
		}
		f.must(err)
		report, err := e.Execute(f.Context(), plan, Account{By: "J. Doe", Reason: "request 4711"})
		f.must(err)
		// The address, as itself and as either id, and the other subscription.
		if report.Counts["subscription_events"] != 2 || report.Entries < 4 {
			f.Errorf("by user %t: %+v", byUser, report)
		}
		with, err := traces.Of(f.Context(), f.conn, f.tables, hash)
		f.must(err)
		if len(with) > 0 {
			f.Errorf("by user %t: the hash is in %v", byUser, with)
		}
	}
}

// purgeInterrupted ends a purge after its deletions, and repeats it.
func purgeInterrupted(f *fixture) {
	f.exec("INSERT INTO " + f.tables.Table("subscription_events") + " (event_id, subscription_id, user_id, event_timestamp, subscription_action, version) VALUES " +
		"(generateUUIDv4(), 'staff-sub', 'staff', '2026-01-01 00:00:00', 'Created', 1)")
	ended := errors.New("ended")
	for _, step := range []string{StepDeleted, ""} {
		e := f.eraser(func(done string) error {
			if done == step {
				return ended
			}
			return nil
		}, nil)
		plan, err := e.PlanInternal(f.Context(), []string{"staff"})
		f.must(err)
		if (plan.Resumes != "") != (step == "") {
			f.Errorf("up to %q it resumes %q", step, plan.Resumes)
		}
		if _, err := e.Execute(f.Context(), plan, Account{By: "J. Doe", Reason: "staff"}); step != "" && !errors.Is(err, ended) || step == "" && err != nil {
			f.Errorf("up to %q: %v", step, err)
		}
	}
	var targets, begun uint64
	f.must(f.conn.QueryRow(f.Context(), "SELECT count() FROM "+f.tables.Table("erasure_targets")).Scan(&targets))
	f.must(f.conn.QueryRow(f.Context(), "SELECT count() FROM "+f.tables.Table("erasures")+" FINAL WHERE state = 'begun'").Scan(&begun))
	if targets+begun > 0 {
		f.Errorf("%d targets are left, %d accounts are open", targets, begun)
	}
}

// TestEraser_Distributed refuses a database with shards, before anything is written.
func TestEraser_Distributed(t *testing.T) {
	c := chserver.Loopback(t.TempDir())
	c.Access.Users = []chserver.User{chserver.Owner(engine.User, engine.Password)}
	c.Settings.Clusters = []chserver.Cluster{{Name: "main", Shards: [][]chserver.Replica{{{Host: "127.0.0.1", Port: 1}}}}}
	own, err := chserver.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = own.Close() })
	conn, err := clickhouse.Open(&clickhouse.Options{Addr: []string{own.NativeAddr()}, Auth: clickhouse.Auth{Username: engine.User, Password: engine.Password}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	for _, s := range []string{"CREATE DATABASE shards", "CREATE TABLE shards.local (x UInt8) ENGINE = MergeTree ORDER BY x",
		"CREATE TABLE shards.subscription_events AS shards.local ENGINE = Distributed('main', 'shards', 'local')"} {
		if err := conn.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	f := &fixture{T: t, conn: conn, tables: schemas.Options{Database: "shards"}, now: time.Now}
	e := f.eraser(nil, nil)
	if _, err := e.PlanUser(t.Context(), "u"); !errors.Is(err, ErrDistributed) {
		t.Errorf("erase: %v", err)
	}
	if _, err := e.PlanInternal(t.Context(), nil); !errors.Is(err, ErrDistributed) {
		t.Errorf("purge-internal: %v", err)
	}
}

// slowView is a refreshable view into subscription_ends. Its refresh reads subscriptions,
// reports that it has, and writes when it is released.
type slowView struct {
	f        *fixture
	name     string
	read     chan struct{}
	released chan struct{}
	release  func()
}

func (f *fixture) slowView(name string) *slowView {
	f.Helper()
	v := &slowView{f: f, name: f.tables.Table(name), read: make(chan struct{}, 10), released: make(chan struct{})}
	v.release = sync.OnceFunc(func() { close(v.released) })
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.read <- struct{}{}
		select {
		case <-v.released:
		case <-r.Context().Done():
		}
		_, _ = w.Write([]byte("1\n")) // the refresh fails without it
	}))
	f.Cleanup(func() { v.release(); gate.Close() })
	// The server computes the scalar before it opens the URL.
	f.exec("CREATE MATERIALIZED VIEW " + v.name + " REFRESH EVERY 1 YEAR APPEND TO " + f.tables.Table("subscription_ends") + " EMPTY AS " +
		"WITH (SELECT groupArray(subscription_id) FROM " + f.tables.Table("subscriptions") + ") AS ids " +
		"SELECT arrayJoin(ids) AS subscription_id, subscription_id AS customer FROM url('" + gate.URL + "', 'TSV', 'x UInt8') SETTINGS http_receive_timeout = 600")
	return v
}

// begin starts a refresh, and returns when it has read.
func (v *slowView) begin() {
	v.f.Helper()
	v.f.exec("SYSTEM REFRESH VIEW " + v.name)
	<-v.read
}

// end releases the refresh and waits until it has written.
func (v *slowView) end() {
	v.f.Helper()
	v.release()
	v.f.exec("SYSTEM WAIT VIEW " + v.name)
}

// refreshBeside has a refresh of a metric that has read the person from the state before the
// erasure deletes there, and writes later.
func refreshBeside(f *fixture) {
	v, p := f.slowView("slow_1"), person("Beside")
	f.leaveState(p)
	begun := false
	_, err := f.erase(p, nil, func(s progress.Step) {
		switch {
		case s.Name == stepDelete && !begun:
			begun = true
			v.begin()
		case s.Name == stepRefreshes:
			v.release()
		}
	})
	if err != nil || !begun {
		f.Fatalf("got %v, a refresh was begun: %t", err, begun)
	}
	v.end()
	if with := f.of(p); len(with) > 0 {
		f.Errorf("the refresh has brought the person back into %v", with)
	}
}

// refreshBehind has one that has read the person before an erasure that was interrupted. The
// repetition finds no row to delete.
func refreshBehind(f *fixture) {
	v, p, ended := f.slowView("slow_2"), person("Behind"), errors.New("ended")
	f.leaveState(p)
	if _, err := f.erase(p, func(string) error { return ended }, nil); !errors.Is(err, ended) {
		f.Fatalf("got %v", err)
	}
	v.begin()
	for _, table := range f.of(p) {
		if table != "erasure_targets" {
			f.exec("TRUNCATE TABLE " + f.tables.Table(table))
		}
	}
	_, err := f.erase(p, nil, func(s progress.Step) {
		if s.Name == stepRefreshes {
			v.release()
		}
	})
	f.must(err)
	v.end()
	if with := f.of(p); len(with) > 0 {
		f.Errorf("the refresh has brought the person back into %v", with)
	}
}

// refreshWithoutEnd gives up the wait by the clock.
func refreshWithoutEnd(f *fixture) {
	v, p := f.slowView("slow_3"), person("WithoutEnd")
	f.leaveState(p)
	v.begin()
	hours := 0
	f.now = func() time.Time { hours++; return time.Now().Add(time.Duration(hours) * time.Hour) }
	_, err := f.erase(p, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "the refresh of slow_3 has not ended after 30m0s; repeat the command") {
		f.Errorf("got %v", err)
	}
	v.end()
}
