package clickhouse_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
)

func TestAccess(t *testing.T) {
	s := start(t, func(c *clickhouse.Config) {
		c.Access = clickhouse.Access{
			Users: []clickhouse.User{
				clickhouse.Owner("owner", password),
				{Name: "analyst", Password: "p<&>", Grants: []string{"GRANT SELECT(id) ON shop.customers TO analyst;"}},
				{Name: "reading", Profile: "read_only", Grants: []string{clickhouse.Everything}},
				{Name: "few", Quota: "three", Grants: []string{"GRANT SELECT ON shop.*"}},
				{Name: "small", Profile: "small", Grants: []string{"GRANT SELECT ON system.*"}},
			},
			Profiles: []clickhouse.Profile{
				{Name: "read_only", Settings: map[string]string{"readonly": "1"}},
				{Name: "small", Settings: map[string]string{"max_memory_usage": "1000000"}, Constant: []string{"max_memory_usage"}},
			},
			Quotas: []clickhouse.Quota{{Name: "three", Interval: time.Hour, Limits: map[string]uint64{"queries": 3}}},
		}
	})
	execute(t, connect(t, s, "owner", password), "CREATE DATABASE shop",
		"CREATE TABLE shop.customers (id UInt64, name String) ENGINE = MergeTree ORDER BY id", "INSERT INTO shop.customers VALUES (1, 'x')")
	for _, test := range []struct {
		user, password, statement string
		code                      int32
	}{
		{"analyst", "p<&>", "SELECT id FROM shop.customers", 0},
		{"analyst", "p<&>", "SELECT name FROM shop.customers", 497},
		{"analyst", "p<&>", "INSERT INTO shop.customers SELECT 2, 'y'", 497},
		{"analyst", "wrong", "SELECT 1", 516},
		{"nobody", "", "SELECT 1", 516},
		{"reading", "", "INSERT INTO shop.customers SELECT 2, 'y'", 164},
		{"small", "", "SELECT groupArray(number) FROM system.numbers LIMIT 1", 241},
		{"small", "", "SELECT 1 SETTINGS max_memory_usage = 0", 452},
		{"default", "", "SELECT name FROM shop.customers", 0},
		{"default", "", "INSERT INTO shop.customers SELECT 2, 'y'", 497},
		{"default", "", "CREATE TABLE shop.other (n UInt8) ENGINE = Memory", 497},
		{"default", "", "DROP TABLE shop.customers", 497},
		{"default", "", "SELECT * FROM file('/etc/hostname', LineAsString)", 497},
		{"default", "", "SYSTEM SHUTDOWN", 497},
	} {
		if got := code(connect(t, s, test.user, test.password).Exec(t.Context(), test.statement)); got != test.code {
			t.Errorf("%s: %s: code %d, want %d", test.user, test.statement, got, test.code)
		}
	}
	few := connect(t, s, "few", "")
	refused := int32(0)
	for range 5 {
		refused = max(refused, code(few.Exec(t.Context(), "SELECT count() FROM shop.customers")))
	}
	if refused != 201 {
		t.Errorf("a used-up quota: code %d, want 201", refused)
	}
	if err := s.RestartWith(t.Context(), clickhouse.Access{Users: []clickhouse.User{clickhouse.Owner("owner", "another")}}, clickhouse.Settings{}); err != nil {
		t.Fatal(err)
	}
	for with, want := range map[string]int32{password: 516, "another": 0} {
		if got := code(connect(t, s, "owner", with).Exec(t.Context(), "SELECT 1")); got != want {
			t.Errorf("password %q after RestartWith: code %d, want %d", with, got, want)
		}
	}
}

// TestAccess_OtherOrigins sends what a page of another origin in the same browser
// can send without the browser asking first: a POST of text/plain, with its Origin.
// Nothing may be written or stopped, with no password and also with the right one.
func TestAccess_OtherOrigins(t *testing.T) {
	s := start(t, nil)
	conn := connect(t, s, "owner", password)
	execute(t, conn, "CREATE DATABASE d", "CREATE TABLE d.t (n UInt64) ENGINE = MergeTree ORDER BY n")
	outside := filepath.Join(t.TempDir(), "written.csv")
	statements := []string{
		"SELECT 1 INTO OUTFILE '" + outside + "'",
		"INSERT INTO FUNCTION file('" + outside + "', 'CSV', 'n UInt8') SELECT 1",
		"INSERT INTO d.t SELECT 1", "CREATE TABLE d.u (n UInt8) ENGINE = Memory", "DROP TABLE d.t", "SYSTEM STOP LISTEN HTTP",
	}
	for _, origin := range []string{"http://page.example", "null", "https://127.0.0.1.page.example", "http://localhost.page.example:8123"} {
		for _, parameters := range []url.Values{{}, {"user": {"default"}}, {"user": {"owner"}, "password": {password}}, {"add_http_cors_header": {"1"}}} {
			for _, statement := range statements {
				status, answer := post(t, s, statement, http.Header{"Origin": {origin}, "Content-Type": {"text/plain"}}, parameters)
				if status != http.StatusForbidden || !strings.Contains(answer, "another origin") {
					t.Errorf("%s with %v: %s: status %d: %s", origin, parameters, statement, status, answer)
				}
			}
		}
	}
	// An image, a script or a link sends no Origin. It is a GET, which changes nothing.
	for _, statement := range statements {
		response, err := http.Get("http://" + s.HTTPAddr() + "/?" + url.Values{"query": {statement}, "user": {"default"}}.Encode())
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode == http.StatusOK {
			t.Errorf("GET %s: status 200", statement)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if _, err := os.Stat(outside); err == nil {
		t.Error("a file was written")
	}
	var rows, tables uint64
	if err := conn.QueryRow(t.Context(), "SELECT (SELECT count() FROM d.t), (SELECT count() FROM system.tables WHERE database = 'd')").Scan(&rows, &tables); err != nil || rows != 0 || tables != 1 {
		t.Errorf("%d rows in %d tables, %v", rows, tables, err)
	}
	t.Run("the server's own pages may ask", func(t *testing.T) {
		for _, origin := range []string{"http://" + s.HTTPAddr(), "http://localhost:8123"} {
			// The pages ask with this parameter.
			if status, answer := post(t, s, "SELECT 7", http.Header{"Origin": {origin}}, url.Values{"add_http_cors_header": {"1"}}); status != http.StatusOK || answer != "7" {
				t.Errorf("%s: status %d: %s", origin, status, answer)
			}
		}
		for _, page := range []string{"play", "dashboard"} {
			response, err := http.Get("http://" + s.HTTPAddr() + "/" + page)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
				t.Errorf("%s: status %d", page, response.StatusCode)
			}
		}
		http.DefaultClient.CloseIdleConnections()
	})
}
