// Package engine is the ClickHouse server that the tests of a package share when
// they need databases but no Kafka. It imports nothing above package schemas, so
// that every package above can use it in its tests.
package engine

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/goleak"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/schemas"
)

// Engine is a server that starts when a test first asks for it, so that fuzzing and
// other runs without it do not wait. Tests may use it at the same time.
type Engine struct {
	once      sync.Once
	server    *clickhouse.Server
	dir       string
	err       error
	databases atomic.Int32
}

// The owner, who may do everything. With a password, a wrong login can be tried.
const (
	User     = "owner"
	Password = "only-for-tests"
)

// Run runs the tests of a package, ends the server, and returns the exit status of
// the process. It is for TestMain.
func (e *Engine) Run(m *testing.M) int {
	clickhouse.ServeIfChild()
	defer func() {
		if e.server != nil {
			_ = e.server.Close() // the tests are over
		}
		if e.dir != "" {
			_ = os.RemoveAll(e.dir) // among the machine's temporary files
		}
	}()
	return m.Run()
}

// RunWithoutLeaks is Run, and ends the process. Goroutines that are left are a failure.
func (e *Engine) RunWithoutLeaks(m *testing.M) {
	goleak.VerifyTestMain(run(func() int { return e.Run(m) }))
}

type run func() int

func (r run) Run() int { return r() }

// Server is the running server.
func (e *Engine) Server(t testing.TB) *clickhouse.Server {
	t.Helper()
	e.once.Do(func() {
		if e.dir, e.err = os.MkdirTemp("", "pianola-engine-"); e.err == nil {
			c := clickhouse.Loopback(e.dir)
			c.Access.Users = []clickhouse.User{clickhouse.Owner(User, Password)}
			e.server, e.err = clickhouse.Start(context.Background(), c)
		}
	})
	if e.err != nil {
		t.Fatal(e.err)
	}
	return e.server
}

// Options are those of the owner over a protocol.
func (e *Engine) Options(t testing.TB, protocol ch.Protocol) *ch.Options {
	t.Helper()
	addr := e.Server(t).NativeAddr()
	if protocol == ch.HTTP {
		addr = e.Server(t).HTTPAddr()
	}
	return &ch.Options{
		Protocol: protocol, Addr: []string{addr}, Auth: ch.Auth{Username: User, Password: Password},
		ReadTimeout: time.Hour, // a refresh takes minutes on a busy machine; the test has its own limit
	}
}

// Connect is a connection for one test, over the native protocol.
func (e *Engine) Connect(t testing.TB) driver.Conn {
	t.Helper()
	conn, err := ch.Open(e.Options(t, ch.Native))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Post sends a query over HTTP, as the owner. The parameters are those of the URL: settings,
// and the query if it is not in the body.
func (e *Engine) Post(t testing.TB, parameters url.Values, body io.Reader) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+e.Server(t).HTTPAddr()+"/?"+parameters.Encode(), body)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(User, Password)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v\n%s", answer.Status, err, text)
	}
	return text
}

// Database is a database of this test alone, as Migrate makes it, and a connection to
// its server.
func (e *Engine) Database(t testing.TB) (driver.Conn, schemas.Options) {
	t.Helper()
	conn, o := e.Connect(t), schemas.Options{Database: fmt.Sprintf("test_%d", e.databases.Add(1))}
	Migrate(t, conn, o)
	return conn, o
}

// Migrate makes the whole schema but the views that compute the state and the metrics:
// their tables stay empty. The server needs nine tenths of the time of a migration to
// analyse these views.
func Migrate(t testing.TB, conn driver.Conn, o schemas.Options) {
	t.Helper()
	prefixes := []string{refreshed(o, schemas.StateRefreshView)}
	for _, mart := range schemas.Marts() {
		prefixes = append(prefixes, refreshed(o, mart+schemas.RefreshSuffix))
	}
	left := len(prefixes)
	migrate(t, conn, o, func(statement string) string {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(statement, p) }) {
			left--
			return ""
		}
		return statement
	})
	if left != 0 {
		t.Fatalf("%d views that compute state and metrics are not among the statements", left)
	}
}

// refreshed is how the statement of a refreshable view begins.
func refreshed(o schemas.Options, view string) string {
	return "CREATE MATERIALIZED VIEW IF NOT EXISTS " + o.Table(view) + "\n"
}

// MigrateWithState makes the whole schema, with a state that is held from the beginning: see
// HoldState.
func MigrateWithState(t testing.TB, conn driver.Conn, o schemas.Options) {
	t.Helper()
	migrate(t, conn, o, held)
	if err := HoldState(t.Context(), conn, o); err != nil { // finds nothing to do, or what held has missed
		t.Fatal(err)
	}
}

var refreshForm = regexp.MustCompile(`\nREFRESH (AFTER|EVERY) \d+ (?:SECOND|MINUTE)(?: DEPENDS ON \S+)?`)

// held makes a view with the schedule that HoldState gives. To change it afterwards, the
// server would analyse the view again.
func held(statement string) string {
	return refreshForm.ReplaceAllString(statement, "\nREFRESH $1 1 YEAR")
}

// migrate runs the statements of the schema as change returns them, without the bookkeeping of
// pianola migrate. An empty statement is left out.
func migrate(t testing.TB, conn driver.Conn, o schemas.Options, change func(statement string) string) {
	t.Helper()
	create, err := schemas.CreateDatabase(o)
	if err != nil {
		t.Fatal(err)
	}
	migrations, err := schemas.Migrations(o)
	if err != nil {
		t.Fatal(err)
	}
	statements := []string{create}
	for _, m := range migrations {
		statements = append(statements, m.Statements...)
	}
	for _, s := range statements {
		if s = change(s); s == "" {
			continue
		}
		if err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%v\n%s", err, s)
		}
	}
}

// HoldState keeps the state of subscriptions as it is until clickhouse.RefreshState. A test then
// decides when it is computed, and the databases of other tests cost nothing. It holds the
// metrics that follow from it too. Views that are held stay as they are.
func HoldState(ctx context.Context, conn driver.Conn, o schemas.Options) error {
	var views []string
	asked := ch.Context(ctx, ch.WithParameters(ch.Parameters{"database": o.Database}))
	err := conn.QueryRow(asked, `SELECT groupArray(name) FROM system.tables
WHERE database = {database:String} AND match(create_table_query, ' REFRESH (AFTER|EVERY) ') AND NOT match(create_table_query, ' REFRESH (AFTER|EVERY) 1 YEAR ')`).Scan(&views)
	if err != nil {
		return err
	}
	for _, view := range views {
		schedule := " MODIFY REFRESH EVERY 1 YEAR"
		switch view {
		case schemas.MonthClosings + schemas.RefreshSuffix:
			schedule += " APPEND"
		case schemas.StateRefreshView:
			schedule = " MODIFY REFRESH AFTER 1 YEAR APPEND"
		}
		if err := conn.Exec(ctx, "ALTER TABLE "+o.Table(view)+schedule); err != nil {
			return err
		}
	}
	return nil
}
