package migrate_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/zap/zaptest"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/schemas"
)

// server is shared by the tests; each has its own database in it.
var server engine.Engine

func TestMain(m *testing.M) { os.Exit(server.Run(m)) }

// connect opens a pool over the protocol.
func connect(t *testing.T, protocol clickhouse.Protocol) *sql.DB {
	t.Helper()
	options := server.Options(t, protocol)
	if protocol == clickhouse.HTTP {
		options.Settings = clickhouse.Settings{"wait_end_of_query": "1"}
	}
	db := clickhouse.OpenDB(options)
	t.Cleanup(func() { db.Close() })
	return db
}

func migrator(t *testing.T, db *sql.DB, database string) *migrate.Migrator {
	t.Helper()
	m, err := migrate.New(db, database, zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	// The views of a database that stays would be refreshed during all later tests.
	t.Cleanup(func() {
		_ = server.Connect(t).Exec(context.WithoutCancel(t.Context()), "DROP DATABASE IF EXISTS "+database)
	})
	return m
}

func current(t *testing.T, m *migrate.Migrator) int64 {
	t.Helper()
	v, err := m.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestUp_MakesTheSchemaFromNothingAndIsIdempotent(t *testing.T) {
	for name, protocol := range map[string]clickhouse.Protocol{"native": clickhouse.Native, "http": clickhouse.HTTP} {
		t.Run(name, func(t *testing.T) {
			db := connect(t, protocol)
			m := migrator(t, db, "fresh_"+name)
			if v := current(t, m); v != 0 {
				t.Fatalf("version %d before anything was done", v)
			}
			if err := m.Check(t.Context()); !errors.Is(err, migrate.ErrSchemaOlder) || !strings.Contains(err.Error(), "run pianola migrate") {
				t.Errorf("before: got %v, want ErrSchemaOlder with what to do", err)
			}
			pending, err := m.Pending(t.Context())
			if err != nil || int64(len(pending)) != schemas.LatestVersion() {
				t.Errorf("%d pending, %v", len(pending), err)
			}
			steps := map[string]progress.Step{}
			m.Progress = func(s progress.Step) { steps[s.Name] = s }
			done, err := m.Up(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range pending {
				got := steps[fmt.Sprintf("apply migration %d %s", one.Version, one.Name)]
				if n := uint64(len(one.Statements)); got.Done != n || got.Total != n {
					t.Errorf("progress of migration %d: %+v, want %d statements", one.Version, got, n)
				}
			}
			if int64(len(done)) != schemas.LatestVersion() || current(t, m) != schemas.LatestVersion() {
				t.Errorf("%d migrations applied, version is %d", len(done), current(t, m))
			}
			if err := m.Check(t.Context()); err != nil {
				t.Errorf("after: %v", err)
			}
			if done, err := m.Up(t.Context()); err != nil || len(done) != 0 {
				t.Errorf("again: %d applied, %v", len(done), err)
			}
			if pending, err := m.Pending(t.Context()); err != nil || len(pending) != 0 {
				t.Errorf("again: %d pending, %v", len(pending), err)
			}
		})
	}
}

// TestUp_ContinuesAfterAnInterruptedStart: a process that ends between the table of
// applied migrations and its first row must not stop every later one.
func TestUp_ContinuesAfterAnInterruptedStart(t *testing.T) {
	db := connect(t, clickhouse.Native)
	for _, statement := range []string{
		"CREATE DATABASE interrupted",
		"CREATE TABLE interrupted.schema_migrations (version Int64, applied_at DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = ReplacingMergeTree(applied_at) ORDER BY version",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	m := migrator(t, db, "interrupted")
	if done, err := m.Up(t.Context()); err != nil || int64(len(done)) != schemas.LatestVersion() {
		t.Errorf("%d migrations applied: %v", len(done), err)
	}
	if err := m.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestUp_TheServerHasTheColumnsOfTheCode(t *testing.T) {
	db := connect(t, clickhouse.Native)
	if _, err := migrator(t, db, "columns").Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	stream := append(schemas.ContractColumns(), schemas.Column{Name: "synced_at", Type: "DateTime64(3, 'UTC')"})
	for i := range stream {
		if stream[i].Name == "transaction_value" {
			stream[i].Type = "Nullable(Float64)" // the contract promises FLOAT here
		}
	}
	for table, want := range map[string][]schemas.Column{
		"subscription_events":           schemas.EventColumns(),
		"piano_subscriber_event_stream": stream,
		"analytics_events":              stream,
	} {
		rows, err := db.QueryContext(t.Context(),
			"SELECT name, type FROM system.columns WHERE database = 'columns' AND table = $1 ORDER BY position", table)
		if err != nil {
			t.Fatal(err)
		}
		var got []schemas.Column
		for rows.Next() {
			var c schemas.Column
			if err := rows.Scan(&c.Name, &c.Type); err != nil {
				t.Fatal(err)
			}
			got = append(got, c)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s\n got %v\nwant %v", table, got, want)
		}
	}
}

// A user who finds the schema in a table browser has no other documentation.
func TestUp_EverythingSaysWhatItIs(t *testing.T) {
	db := connect(t, clickhouse.Native)
	if _, err := migrator(t, db, "comments").Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	for kind, query := range map[string]string{
		"tables and views": "SELECT count(), groupArrayIf(name, comment = '') FROM system.tables WHERE database = 'comments'",
		"columns":          "SELECT count(), groupArrayIf(table || '.' || name, comment = '') FROM system.columns WHERE database = 'comments' AND table NOT IN (SELECT name FROM system.tables WHERE database = 'comments' AND engine = 'MaterializedView')", // which fill a table
	} {
		var all uint64
		var silent []string
		if err := db.QueryRowContext(t.Context(), query).Scan(&all, &silent); err != nil {
			t.Fatal(err)
		}
		if all == 0 || len(silent) > 0 {
			t.Errorf("of %d %s, these have no comment: %v", all, kind, silent)
		}
	}
}

func TestViews_GiveAnEventOnceAtItsHighestVersion(t *testing.T) {
	db := connect(t, clickhouse.Native)
	if _, err := migrator(t, db, "views").Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	insert := func(id, month, term string, version int, value string) {
		t.Helper()
		_, err := db.ExecContext(t.Context(), fmt.Sprintf(`INSERT INTO views.subscription_events
			(event_id, subscription_id, event_timestamp, subscription_action, term_type, version, transaction_value)
			SELECT reinterpretAsUUID(murmurHash3_128('%[1]s')), '%[1]s', '2024-%[2]s-01 00:00:00', 'Created', '%[3]s', %[4]d, %[5]s`, id, month, term, version, value))
		if err != nil {
			t.Fatal(err)
		}
	}
	insert("a", "01", "payment", 2, "2.5")
	insert("a", "01", "payment", 1, "1.5") // an older delivery that comes late
	insert("b", "02", "payment", 1, "-0.0001")
	insert("b", "02", "gift", 2, "7") // a correction
	insert("c", "03", "dynamic", 0, "9999999999999.9999")

	for view, want := range map[string]string{
		"piano_subscriber_event_stream": "a 2.5 payment, b 7 gift, c 10000000000000 dynamic",
		"analytics_events":              "a 2.5 payment, c 10000000000000 dynamic",
	} {
		var got string
		err := db.QueryRowContext(t.Context(), `SELECT arrayStringConcat(groupArray(line), ', ') FROM
			(SELECT concat(subscription_id, ' ', toString(transaction_value), ' ', assumeNotNull(term_type)) AS line FROM views.`+view+` ORDER BY subscription_id)`).Scan(&got)
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", view, got, want)
		}
	}
}

func TestUp_SeveralAtOnceEndInOneSchema(t *testing.T) {
	var running sync.WaitGroup
	for range 4 {
		m := migrator(t, connect(t, clickhouse.Native), "race")
		running.Go(func() {
			if _, err := m.Up(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	m := migrator(t, connect(t, clickhouse.Native), "race")
	if err := m.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if done, err := m.Up(t.Context()); err != nil || len(done) != 0 {
		t.Errorf("afterwards: %d applied, %v", len(done), err)
	}
}

func TestUp_FinishesWhatWasCutShort(t *testing.T) {
	db := connect(t, clickhouse.Native)
	m := migrator(t, db, "short")
	all, err := schemas.Migrations(schemas.Options{Database: "short"})
	if err != nil {
		t.Fatal(err)
	}
	// The second migration was running when the process died: its table is
	// there, its version is not.
	for _, statement := range append([]string{"CREATE DATABASE short"}, append(all[0].Statements, all[1].Statements...)...) {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestUp_LeavesANewerSchemaAlone(t *testing.T) {
	db := connect(t, clickhouse.Native)
	m := migrator(t, db, "newer")
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "INSERT INTO newer.schema_migrations (version) SELECT 1000"); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{"Check": m.Check(t.Context()), "Up": upError(t, m)} {
		if !errors.Is(err, migrate.ErrSchemaNewer) || !strings.Contains(err.Error(), "upgrade pianola") {
			t.Errorf("%s: got %v, want ErrSchemaNewer with what to do", what, err)
		}
	}
}

func upError(t *testing.T, m *migrate.Migrator) error {
	_, err := m.Up(t.Context())
	return err
}

func TestExplain_SaysWhatToDoAndNothingOfTheServersText(t *testing.T) {
	// Servers name every exception after the class, so that the code alone tells.
	refusal := &clickhouse.Exception{Code: 516, Name: "DB::Exception", Message: "value-of-a-column"}
	got := migrate.Explain(fmt.Errorf("dial: %w", refusal)).Error()
	if !strings.Contains(got, "516 (AUTHENTICATION_FAILED)") || !strings.Contains(got, "clickhouse.user") || strings.Contains(got, "value-of-a-column") {
		t.Errorf("got %q", got)
	}

	body := fmt.Errorf("query: %w", &clickhouse.HTTPError{StatusCode: 502, Err: errors.New("value-of-a-column")})
	if got := migrate.Explain(body).Error(); !strings.Contains(got, "502") || strings.Contains(got, "value-of-a-column") {
		t.Errorf("got %q", got)
	}

	t.Run("http_connection_is_told_without_the_drivers_url", func(t *testing.T) {
		for name, cause := range map[string]error{
			"refused": &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}, "closed": io.EOF,
		} {
			got := migrate.Explain(fmt.Errorf("query hello: %w", &url.Error{Op: "Post", URL: "http://default:***@127.0.0.1:1", Err: cause})).Error()
			if strings.Contains(got, "default") || !strings.Contains(got, "clickhouse.protocol") {
				t.Errorf("%s: got %q", name, got)
			}
		}
	})

	nobody := clickhouse.OpenDB(&clickhouse.Options{Addr: []string{"127.0.0.1:1"}})
	defer nobody.Close()
	_, err := migrator(t, nobody, "piano").Current(t.Context())
	if err == nil || !strings.Contains(err.Error(), "check clickhouse.addr") || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("nobody listens: got %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := migrator(t, connect(t, clickhouse.Native), "piano").Current(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

func TestExplain_TLS(t *testing.T) {
	for want, cause := range map[string]error{
		"check clickhouse.tls: ":        &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}},
		"check clickhouse.tls.enabled":  tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"},
		"check clickhouse.tls.enabled ": http.ErrSchemeMismatch,
		"clickhouse.tls.cert_file":      &net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")},
	} {
		broken := &url.Error{Op: "Post", URL: "https://127.0.0.1:1/?query=value-of-a-column", Err: cause}
		if got := migrate.Explain(broken).Error(); !strings.Contains(got, want) || strings.Contains(got, "value-of-a-column") {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
}

func TestExplain_Timeout(t *testing.T) {
	late := &url.Error{Op: "Post", URL: "https://127.0.0.1:1/?query=value-of-a-column", Err: context.DeadlineExceeded}
	got := migrate.Explain(fmt.Errorf("sendQuery: %w", late))
	if !errors.Is(got, context.DeadlineExceeded) || !strings.Contains(got.Error(), "clickhouse.insert_timeout") || strings.Contains(got.Error(), "value-of-a-column") {
		t.Errorf("got %v", got)
	}
}
