package reconcile

import (
	"os"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/schemas"
)

// server is the engine that the package's tests share.
var server engine.Engine

func TestMain(m *testing.M) { os.Exit(server.Run(m)) }

// database is a database of the test's own with the whole schema, and no rows.
func database(t testing.TB) (driver.Conn, schemas.Options) {
	t.Helper()
	return server.Database(t)
}

func execute(t testing.TB, conn driver.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%v\n%s", err, s)
		}
	}
}

// texts are the rows of a query of one text column.
func texts(t testing.TB, conn driver.Conn, query string) []string {
	t.Helper()
	var all []string
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	defer func() { _ = rows.Close() }() // Err tells
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatalf("%v\n%s", err, query)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	return all
}
