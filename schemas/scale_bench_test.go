package schemas_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/internal/subscriber"
	"github.com/pianola/pianola/schemas"
)

// BenchmarkScale prints what the state, the marts and the look-ups cost at a size: wall time,
// CPU, memory, and what was read. The figures of CPU and memory are ClickHouse's own.
//
// PIANOLA_BENCH_SUBSCRIPTIONS is how many subscriptions there are (default 20,000). The target
// is 8,000,000, which have 50 million events.
// PIANOLA_BENCH_DIR keeps the data there, and uses them when they are there already. New
// events are added each time.
//
//	PIANOLA_BENCH_SUBSCRIPTIONS=8000000 go test -run '^$' -bench Scale -benchtime 1x -timeout 3h ./schemas
func BenchmarkScale(b *testing.B) {
	s := newScale(b)
	s.create(positive(b, "PIANOLA_BENCH_SUBSCRIPTIONS", 20_000))
	s.conn = connectTo(b, s.server, "piano")
	for b.Loop() {
		s.measureRefresh()
		s.measureMarts()
		s.measureQueries()
		s.measureLookups()
	}
	s.print()
}

// scaleTest is a server of its own, since only that keeps its logs.
type scaleTest struct {
	*testing.B
	server  *clickhouse.Server
	conn    driver.Conn
	options schemas.Options
	figures []figure
}

// figure is what one measured thing cost.
type figure struct {
	Name     string
	Wall     float64 // seconds
	CPU      float64 // seconds
	Memory   uint64  // bytes, the peak of a statement
	Rows     uint64
	Granules uint64
	Bytes    uint64 // uncompressed
}

func positive(b *testing.B, name string, otherwise int) int {
	b.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatal(name + " is not a positive number")
	}
	return n
}

func newScale(b *testing.B) *scaleTest {
	b.Helper()
	c := clickhouse.Loopback(cmp.Or(os.Getenv("PIANOLA_BENCH_DIR"), b.TempDir()))
	c.Access.Users = []clickhouse.User{clickhouse.Owner(engine.User, engine.Password)}
	c.Settings.Logs = true
	own, err := clickhouse.Start(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = own.Close() }) // what it has acknowledged is on disk
	b.Logf("ClickHouse listens on %s", own.NativeAddr())
	return &scaleTest{B: b, server: own, conn: connectTo(b, own, "default"), options: schemas.Options{Database: "piano"}}
}

func (s *scaleTest) exec(sql string) {
	s.Helper()
	if err := s.conn.Exec(s.Context(), sql); err != nil {
		s.Fatalf("%v\n%s", err, sql)
	}
}

func (s *scaleTest) text(query string) (text string) {
	s.Helper()
	if err := s.conn.QueryRow(s.Context(), "SELECT toString(("+query+"))").Scan(&text); err != nil {
		s.Fatalf("%v\n%s", err, query)
	}
	return text
}

// create makes the database with all subscriptions, or what is missing of it. The views wait
// until they are asked, so that they do not take the time of what is measured.
func (s *scaleTest) create(subscriptions int) {
	s.Helper()
	engine.MigrateWithState(s, s.conn, s.options)
	// At the start of a server, views are refreshed that have never been.
	for _, mart := range schemas.Marts() {
		s.exec("SYSTEM WAIT VIEW " + s.options.Table(mart+schemas.RefreshSuffix))
	}
	if s.text("SELECT count() FROM piano.snapshot_runs") == "0" {
		s.fill(subscriptions)
		s.awaitMerges()
	}
	if s.text("SELECT count() FROM piano.subscriptions") == "0" {
		s.measure("the first filling of the state (sum of its refreshes)", 1, s.ofRefresh(schemas.StateRefreshView), func(ctx context.Context) error {
			return clickhouse.RefreshState(ctx, s.conn, s.options)
		})
	}
}

// measureRefresh measures refreshes after new events, at most one for every second
// subscription.
func (s *scaleTest) measureRefresh() {
	s.Helper()
	// What the last traffic left is not part of the figures.
	if err := clickhouse.RefreshState(s.Context(), s.conn, s.options); err != nil {
		s.Fatal(err)
	}
	s.awaitMerges()
	s.measure("refresh of the state without new events", 1, s.ofRefresh(schemas.StateRefreshView), s.refresh(schemas.StateRefreshView))
	subscriptions, err := strconv.Atoi(s.text("SELECT count() FROM " + s.options.Table("subscription_snapshots")))
	if err != nil {
		s.Fatal(err)
	}
	for _, events := range []int{1000, 10_000, 100_000} {
		events = min(events, subscriptions/2)
		s.addTraffic(events)
		s.measure(fmt.Sprintf("refresh of the state after %d new events", events), 1, s.ofRefresh(schemas.StateRefreshView), s.refresh(schemas.StateRefreshView))
	}
}

func (s *scaleTest) measureMarts() {
	s.Helper()
	for _, mart := range schemas.Marts() {
		s.measure("refresh of "+mart, 1, s.ofRefresh(mart+schemas.RefreshSuffix), s.refresh(mart+schemas.RefreshSuffix))
	}
}

// measureQueries reads each view of metrics whole, and asks each question of the page for
// analysts. Marts that have a row for each end or episode are read by month.
func (s *scaleTest) measureQueries() {
	s.Helper()
	for _, name := range slices.Concat(schemas.MartViews(), schemas.Marts()) {
		query := "SELECT * FROM " + s.options.Table(name)
		if slices.Contains([]string{"subscription_ends", "dunning_episodes"}, name) {
			query += " WHERE month = toStartOfMonth(today() - INTERVAL 1 MONTH)"
		}
		s.measureQuery(name, query)
	}
	page, err := os.ReadFile("../docs/analysts.md")
	if err != nil {
		s.Fatal(err)
	}
	for i, block := range regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		s.measureQuery(fmt.Sprintf("question %d", i+1), block[1])
	}
}

func (s *scaleTest) measureLookups() {
	s.Helper()
	var id, user, address string
	if err := s.conn.QueryRow(s.Context(), `SELECT subscription_id, user_id, any(assumeNotNull(user_email_hash_sha256)) FROM `+s.options.Table("subscription_events")+`
		WHERE user_email_hash_sha256 IS NOT NULL AND cityHash64(subscription_id) % 50 = 7 GROUP BY ALL ORDER BY cityHash64(subscription_id) LIMIT 1`).Scan(&id, &user, &address); err != nil {
		s.Fatal(err)
	}
	s.measureQuery("subscription_state of one subscription", "SELECT * FROM piano.subscription_state WHERE subscription_id = '"+id+"'")
	s.measureQuery("subscription_state of one user", "SELECT * FROM piano.subscription_state WHERE user_id = '"+user+"'")
	s.measureQuery("subscription_state_of", "SELECT * FROM piano.subscription_state_of(subscription = '"+id+"', at = now64(3))")
	s.measureQuery("subscription_timeline of one subscription", "SELECT * FROM piano.subscription_timeline WHERE subscription_id = '"+id+"' ORDER BY event_timestamp, action_rank")
	reader := subscriber.New(s.conn, s.options)
	for _, by := range []struct{ name, key string }{{"subscription id", id}, {"user id", user}, {"hash of the address", address}} {
		s.measure("`pianola subscriber` by "+by.name, 3, "", func(ctx context.Context) error {
			_, err := reader.Read(ctx, by.key)
			return err
		})
	}
}

func (s *scaleTest) measureQuery(name, query string) {
	s.Helper()
	s.measure(name, 3, "", func(ctx context.Context) error {
		return statement.Each(ctx, s.conn, query, func(driver.Rows) error { return nil })
	})
}

// refresh brings a view up to date and waits for it.
func (s *scaleTest) refresh(view string) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, verb := range []string{"REFRESH", "WAIT"} {
			if err := s.conn.Exec(ctx, "SYSTEM "+verb+" VIEW "+s.options.Table(view)); err != nil {
				return err
			}
		}
		return nil
	}
}

// ofRefresh is the comment that ClickHouse gives to the statements of a refresh.
func (s *scaleTest) ofRefresh(view string) string {
	return "refresh of " + s.options.Database + "." + view
}

// measure runs something a number of times and keeps the run with the median wall time.
// Its statements in the log of queries have a comment: the given one, or one of their own.
func (s *scaleTest) measure(name string, times int, comment string, run func(context.Context) error) {
	s.Helper()
	var runs []figure
	for i := range times {
		comment := cmp.Or(comment, fmt.Sprintf("%s, run %d", name, i))
		since := s.text("SELECT now64(6)")
		if err := run(ch.Context(s.Context(), ch.WithSettings(ch.Settings{"log_comment": comment}))); err != nil {
			s.Fatalf("%s: %v", name, err)
		}
		s.exec("SYSTEM FLUSH LOGS query_log")
		f := figure{Name: name}
		err := s.conn.QueryRow(s.Context(), `SELECT sum(query_duration_ms) / 1000, sum(ProfileEvents['UserTimeMicroseconds'] + ProfileEvents['SystemTimeMicroseconds']) / 1e6,
				max(toUInt64(memory_usage)), sum(read_rows), sum(ProfileEvents['SelectedMarks']), sum(read_bytes)
			FROM system.query_log WHERE type = 'QueryFinish' AND event_time_microseconds >= '`+since+`' AND log_comment = '`+comment+`'`).
			Scan(&f.Wall, &f.CPU, &f.Memory, &f.Rows, &f.Granules, &f.Bytes)
		if err != nil {
			s.Fatal(err)
		}
		if f.Wall == 0 && f.Rows == 0 {
			s.Fatalf("%s: the log of queries does not have it", name)
		}
		runs = append(runs, f)
	}
	slices.SortFunc(runs, func(a, b figure) int { return cmp.Compare(a.Wall, b.Wall) })
	median := runs[len(runs)/2]
	s.figures = append(s.figures, median)
	s.Log(median)
}

func (f figure) String() string {
	return fmt.Sprintf("| %s | %.3f | %.3f | %d | %d | %d | %d |", f.Name, f.Wall, f.CPU, f.Memory>>20, f.Rows, f.Granules, f.Bytes>>20)
}

func (s *scaleTest) print() {
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		load = []byte("unknown")
	}
	fmt.Printf("\n%s events, %s subscriptions, %d cores, load average %s\n\n", s.text("SELECT count() FROM piano.subscription_events"),
		s.text("SELECT count() FROM piano.subscription_state"), runtime.NumCPU(), strings.TrimSpace(string(load)))
	fmt.Println("| what | wall s | CPU s | peak MiB | rows read | granules | MiB read |\n|---|---:|---:|---:|---:|---:|---:|")
	for _, f := range s.figures {
		fmt.Println(f)
	}
}
