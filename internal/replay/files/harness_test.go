package files

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/pianola/pianola/internal/bucket/client"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

var services testbed.Servers

func TestMain(m *testing.M) { os.Exit(services.Run(m)) }

// env is a database, and a directory with files.
type env struct {
	*testbed.Fixture
	dir   string
	rules transform.Config
}

func newEnv(t *testing.T, subscribers int) *env {
	t.Helper()
	testbed.NoLeaks(t)
	e := &env{Fixture: services.Fixture(t, testbed.Config{Protocol: "native", Seed: 7, Subscribers: subscribers}), dir: t.TempDir()}
	e.rules = e.Settings.TransformConfig()
	return e
}

// loader is of another process each time. change may be nil.
func (e *env) loader(change func(*Deps)) *Loader {
	e.Helper()
	rules, err := transform.New(e.rules)
	e.Must(err)
	writer, err := sink.Open(e.Context(), e.Settings.SinkConfig(), testbed.Log(), sink.Hooks{})
	e.Must(err)
	e.Cleanup(func() { _ = writer.Close() })
	conn, err := clickhouse.Open(e.Settings.ClickHouseOptions())
	e.Must(err)
	e.Cleanup(func() { _ = conn.Close() })
	buckets := new(client.Buckets)
	e.Cleanup(func() { _ = buckets.Close() })
	deps := Deps{
		Places:  Places{Stdin: strings.NewReader(""), Buckets: buckets, Pause: time.Millisecond},
		Jobs:    job.NewStore(job.Deps{Conn: conn, Database: e.Topic, Instance: "test", Heartbeat: 200 * time.Millisecond, Grace: 20 * time.Second, Now: time.Now, Log: testbed.Log()}),
		Rules:   rules,
		Aliases: e.rules.FieldAliases, InForce: job.RulesOf(e.rules, "v1"), MaxMessage: e.rules.MaxMessageBytes,
		Writer: writer, Conn: conn, Database: e.Topic, Parallel: 2, MaxRows: 1000, MaxBytes: 8 << 20, Now: time.Now, Log: testbed.Log(),
	}
	if change != nil {
		change(&deps)
	}
	return New(deps)
}

// write makes a file in the directory.
func (e *env) write(name string, content []byte) string {
	e.Helper()
	path := filepath.Join(e.dir, name)
	e.Must(os.WriteFile(path, content, 0o600))
	return path
}

// load plans and executes, and wants success.
func (e *env) load(l *Loader, limits Limits, arguments ...string) *job.Job {
	e.Helper()
	j, err := e.try(l, limits, arguments...)
	e.Must(err)
	if j.State != job.Complete {
		e.Fatalf("the job is %s: %s", j.State, j.Problem)
	}
	return j
}

func (e *env) try(l *Loader, limits Limits, arguments ...string) (*job.Job, error) {
	e.Helper()
	plan, err := l.Plan(e.Context(), arguments, Dialects{}, limits)
	if err != nil {
		return nil, err
	}
	return l.Execute(e.Context(), plan, limits)
}

// events are the visible events of a database in a fixed order.
func (e *env) events(database, columns string) []string {
	e.Helper()
	rows, err := e.Analyst.Query(e.Context(), fmt.Sprintf(`SELECT toJSONString(tuple(%s)) FROM %s.subscription_events FINAL ORDER BY event_id`, columns, database))
	e.Must(err)
	defer rows.Close()
	var all []string
	for rows.Next() {
		var one string
		e.Must(rows.Scan(&one))
		all = append(all, one)
	}
	e.Must(rows.Err())
	return all
}

// content are the columns that a message gives.
const content = `event_id, subscription_id, user_id, event_timestamp, subscription_action, event_name, resource_name, next_billed_at, billing_period, term_type,
	term_name, transaction_value, trial_period_ended_at, trial_duration, billing_country_code, subscription_period_number, payment_mode,
	upgrade_to_subscription_id, user_email_hash_sha256, is_internal_user, experience_name, subscription_action_raw`

func (e *env) wantEvents(got, want []string) {
	e.Helper()
	if len(got) != len(want) {
		e.Errorf("%d events, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			e.Fatalf("event %d\ngot  %s\nwant %s", i, got[i], want[i])
		}
	}
}

func gzipped(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t testing.TB, content []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(content, nil)
}

// lines are NDJSON of n subscriptions, one event each, in two months.
func lines(n int, action string) []byte { return linesOf(n, 2, action) }

// linesOf is lines for any number of months.
func linesOf(n, months int, action string) []byte {
	var b bytes.Buffer
	for i := range n {
		at := time.Date(2015, time.Month(1+i%months), 5, 0, 0, i, 0, time.UTC)
		fmt.Fprintf(&b, `{"subscription_id":"S%d","event_timestamp":%q,"subscription_action":%q,"transaction_value":%d}`+"\n", i, at.Format(time.RFC3339), action, i)
	}
	return b.Bytes()
}

func (e *env) count(query string, args ...any) (n uint64) {
	e.Helper()
	e.Must(e.Analyst.QueryRow(e.Context(), query, args...).Scan(&n))
	return n
}
