package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	driverclickhouse "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"github.com/pianola/pianola/internal/console/business"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
)

// consoleHash is the bcrypt hash of grantsPassword, at the lowest cost.
const consoleHash = "$2a$04$98z13MN2w3wBByBlPxbZaemkLeyVEIR2P2MrGCdHGPCtXpRM7KXKG"

// consoleRoles are the printed roles of the console. Those of ops and care come in addition
// to the first one.
func consoleRoles(t *testing.T, database string) []schemas.Role {
	t.Helper()
	all, err := schemas.Roles(schemas.Options{Database: database})
	if err != nil {
		t.Fatal(err)
	}
	var roles []schemas.Role
	for _, r := range all {
		switch r.Name {
		case schemas.RoleConsole:
			roles = append(roles, r)
		case schemas.RoleConsoleOps, schemas.RoleConsoleCare, schemas.RoleConsolePromo:
			r.Grants = append(slices.Clone(roles[0].Grants), r.Grants...)
			roles = append(roles, r)
		}
	}
	return roles
}

// TestGrants_Console opens the pages as the documented roles, and changes what ops may
// change. Without one of the privileges a page must fail and name it.
func TestGrants_Console(t *testing.T) {
	tier.Full(t, "opens the pages for each privilege")
	t.Parallel()
	services, err := sandbox.Start(t.Context(), sandbox.Loopback(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(services.Close)
	s := (&testbed.Servers{Services: services}).Fixture(t, testbed.Config{Protocol: "native", Seed: 1, Subscribers: 60, State: true})
	s.RefreshState() // segments are refused before the first one
	roles := consoleRoles(t, s.Topic)
	if err := services.ClickHouse.RestartWith(t.Context(), accessOf(roles, services.Password), clickhouse.Settings{}); err != nil {
		t.Fatal(err)
	}
	w := &consoleWalk{Fixture: s, htpasswd: filepath.Join(t.TempDir(), "htpasswd"), piano: newPublisher(t, s)}
	w.user = w.piano.take("subscription", func(p piano.Subscription) bool { return p.Status == "active" }).UserID
	s.Must(os.WriteFile(w.htpasswd, []byte("ops:"+consoleHash+"\n"), 0o600))
	for _, r := range roles {
		if err := w.walk(t, r.Name, userOf(r.Name)); err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
	}
	for _, r := range roles {
		for _, v := range variantsOf(r) {
			if (r.Name == schemas.RoleConsoleCare || r.Name == schemas.RoleConsolePromo) && slices.ContainsFunc(roles[0].Grants, func(g schemas.Grant) bool { return g.SQL() == v.missing.SQL() }) {
				continue // the pages of care do not need it; the other ones do
			}
			if r.Name == schemas.RoleConsoleOps && slices.ContainsFunc(roles[0].Grants, func(g schemas.Grant) bool {
				return g.On == v.missing.On && g.Privilege == v.missing.Privilege && len(v.missing.Columns) > 0
			}) {
				continue // ops may read the whole table: the columns of the other role are part of it
			}
			t.Run("without "+v.missing.SQL()+" to "+r.Name, func(t *testing.T) {
				switch err := w.walk(t, r.Name, v.user); {
				case err == nil:
					t.Error("every page succeeds: the role has too much")
				case !strings.Contains(err.Error(), "497"):
					t.Errorf("a page fails without naming the missing privilege: %v", err)
				}
			})
		}
	}
	for _, sql := range []string{
		"SELECT user_email_hash_sha256 FROM subscription_events", "SELECT user_id FROM subscription_events", "SELECT requested_by FROM erasures",
		"SELECT count() FROM actions_log", "SELECT count() FROM erasure_targets", "SELECT count() FROM suppressions",
		"INSERT INTO dead_letters (reason) SELECT 'x'", "INSERT INTO replay_jobs (job_id) SELECT 'x'",
	} {
		if err := w.query(t, userOf(schemas.RoleConsole), sql); err == nil {
			t.Errorf("%s may run %s", schemas.RoleConsole, sql)
		}
	}
	for _, sql := range []string{
		"INSERT INTO ingest_ledger (kind) SELECT 'x'", "INSERT INTO drift (kind) SELECT 'x'", "ALTER TABLE dead_letters DELETE WHERE 1", "SELECT count() FROM erasure_targets",
	} {
		if err := w.query(t, userOf(schemas.RoleConsoleOps), sql); err == nil {
			t.Errorf("%s may run %s", schemas.RoleConsoleOps, sql)
		}
	}
}

// consoleWalk opens the pages of one console after the other.
type consoleWalk struct {
	*testbed.Fixture
	htpasswd string
	walks    int
	sent     int // messages in partition 0
	piano    *publisher
	user     string // of the world
}

func (w *consoleWalk) query(t *testing.T, user, sql string) error {
	t.Helper()
	conn, err := driverclickhouse.Open(&driverclickhouse.Options{
		Addr: []string{w.Settings.ClickHouse.Addr[0]}, Auth: driverclickhouse.Auth{Username: user, Password: grantsPassword, Database: w.Topic},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // read-only
	return conn.Exec(t.Context(), sql)
}

// walk starts a console as a user of ClickHouse and opens the pages. Its error is what a
// visitor or an operator reads.
func (w *consoleWalk) walk(t *testing.T, role, user string) error {
	t.Helper()
	w.walks++
	job, file := fmt.Sprintf("20261130t120000-%04d", w.walks), fmt.Sprintf("gone-%d.ndjson", w.walks)
	for _, sql := range []string{
		"INSERT INTO drift (subscription_id, kind, severity, compared_as_of) SELECT 'sub', 'status', 'drift', now64(3)",
		"INSERT INTO dead_letters (source, source_name, reason, decided_at) SELECT 'file', '" + file + "', 'invalid_json', now64(3) - INTERVAL 1 SECOND",
		"INSERT INTO ingest_ledger (source, source_name, kind, next_offset, insert_token, written_at) SELECT 'kafka', 'walk', 'flush', 5, 'token', now64(3)",
		"INSERT INTO replay_jobs (job_id, record, source, state, plan, rules, started_at, written_at) SELECT '" + job + "', 'progress', 'kafka', 'failed', '{}', '{}', now64(3), now64(3)",
		"INSERT INTO replay_claims (job_id) SELECT '" + job + "'",
		"INSERT INTO segment_runs (run_id, segment, state, started_at, written_at) SELECT generateUUIDv4(), 'ended?days=30', 'begun', '2026-01-01', '2026-01-01'", // abandoned: the next run drops it
	} {
		w.Exec(sql)
	}
	settings := w.Settings
	settings.ClickHouse.User, settings.ClickHouse.Password = user, grantsPassword
	roles, variables := "ops:ops+viewer", environment(settings)
	if role == schemas.RoleConsoleCare {
		roles = "ops:care_money"
		variables = append(variables, slices.DeleteFunc(w.piano.environment(), func(v string) bool { return !strings.HasPrefix(v, "PIANOLA_PIANO_") })...)
	}
	if role == schemas.RoleConsolePromo {
		roles = "ops:promo"
		variables = append(variables, slices.DeleteFunc(w.piano.environment(), func(v string) bool { return !strings.HasPrefix(v, "PIANOLA_PIANO_") })...)
	}
	visit, err := startConsole(t, append(variables, "PIANOLA_CONSOLE_LISTEN=127.0.0.1:0", "PIANOLA_CONSOLE_AUTH=basic",
		"PIANOLA_CONSOLE_HTPASSWD_FILE="+w.htpasswd, "PIANOLA_CONSOLE_ROLES="+roles, "PIANOLA_CONSOLE_RATE=1000", "PIANOLA_LOG_LEVEL=info", "PIANOLA_LOG_FORMAT=json"))
	if err != nil {
		return err
	}
	var errs []error
	paths := []string{
		"/", "/coverage", "/dead-letters", "/dead-letters/letter?at=" + file + "/0/0", "/reconciliation", "/reconciliation/disagreement?subscription=sub&kind=status",
		"/jobs", "/jobs/" + job, "/definitions/drift",
	}
	if role == schemas.RoleConsoleCare {
		user := url.QueryEscape(w.user)
		paths = []string{"/care/users", "/care/grant", "/care/user?id=" + user + "&tab=timeline", "/care/user?id=" + user + "&tab=transactions"}
	}
	if role == schemas.RoleConsolePromo {
		paths = []string{"/promo/segments", "/promo/segment?name=ended", "/promo/experiments", "/promo/conversion", "/promo/checkout"}
	}
	for _, one := range business.New().Pages {
		if role == schemas.RoleConsoleCare || role == schemas.RoleConsolePromo {
			break
		}
		_, path, _ := strings.Cut(one.Pattern, " ")
		paths = append(paths, path)
	}
	for _, path := range paths {
		if _, err := visit(http.MethodGet, path, nil); err != nil {
			errs = append(errs, err)
		}
	}
	if role == schemas.RoleConsoleCare && errs == nil {
		_, err := visit(http.MethodPost, "/care/user/show", url.Values{"id": {w.user}, "tab": {"notes"}})
		return err
	}
	if role == schemas.RoleConsolePromo && errs == nil {
		return w.materialise(t, visit, user)
	}
	if role != schemas.RoleConsoleOps || errs != nil {
		return errors.Join(errs...)
	}
	for _, one := range []url.Values{
		{"kind": {"dismiss"}, "at": {file + "/0/0"}},
		{"kind": {"redrive"}, "at": {w.refuse(`{"subscription_id":"a","event_timestamp":1750000000,"subscription_action":"Renewed"}`)}},
		{"kind": {"redrive"}, "at": {w.refuse(`{"subscription_id":"b","event_timestamp":1750000000,"subscription_action":"Renewed","is_internal_user":true}`)}},
	} {
		if err := w.confirm(visit, "/dead-letters/plans", one); err != nil {
			return err
		}
	}
	_, err = visit(http.MethodPost, "/jobs/"+job+"/cancel", url.Values{"why": {"test"}})
	return err
}

// materialise runs a segment, which drops an abandoned run. A failure to drop it is only a
// line of the log: the reason is then that of the same statement.
func (w *consoleWalk) materialise(t *testing.T, visit visitor, user string) error {
	t.Helper()
	if err := w.confirm(visit, "/promo/segment/materialise", url.Values{"segment": {"ended?days=30"}}); err != nil {
		return err
	}
	var left []uuid.UUID
	w.One("SELECT groupArray(run_id) FROM segment_runs FINAL WHERE state = 'begun'", &left)
	if len(left) == 0 {
		return nil
	}
	return cmp.Or(w.query(t, user, "ALTER TABLE segment_members DROP PARTITION '"+left[0].String()+"'"), errors.New("the abandoned run was not dropped"))
}

// refuse writes a message and its dead letter, and returns its coordinates. By the rules in
// force it passes.
func (w *consoleWalk) refuse(value string) string {
	w.Helper()
	sent := time.UnixMilli(1_750_000_000_123)
	w.Produce(kafka.Record{Value: []byte(value), Time: sent})
	w.Exec(fmt.Sprintf(`INSERT INTO dead_letters (source, source_name, source_offset, reason, payload_sha256, message_time, decided_at, attempts)
		SELECT 'kafka', '%s', %d, 'missing_field', lower(hex(SHA256('%s'))), fromUnixTimestamp64Milli(toInt64(%d)), now64(3) - INTERVAL 1 SECOND, 1`,
		w.Topic, w.sent, value, sent.UnixMilli()))
	w.sent++
	return fmt.Sprintf("%s/0/%d", w.Topic, w.sent-1)
}

// confirm plans and executes.
func (w *consoleWalk) confirm(visit visitor, path string, form url.Values) error {
	plan, err := visit(http.MethodPost, path, form)
	if err != nil {
		return err
	}
	wait := func() (body string, err error) {
		err = testbed.Await(w.Context(), "the plan", func() (bool, error) {
			body, err = visit(http.MethodGet, plan, nil)
			return !strings.Contains(body, "Look again"), err
		})
		return body, err
	}
	body, err := wait()
	if err != nil || !strings.Contains(body, `name="why"`) {
		return err
	}
	if _, err := visit(http.MethodPost, plan, url.Values{"why": {"test"}}); err != nil {
		return err
	}
	_, err = wait()
	return err
}

// visitor opens a page or sends a form, and returns the body, or the address of the next page.
type visitor func(method, path string, form url.Values) (string, error)

// startConsole runs the command until the test ends.
func startConsole(t *testing.T, environment []string) (visitor, error) {
	t.Helper()
	host, err := serveConsole(t, environment)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return func(method, path string, form url.Values) (string, error) {
		return visit(t.Context(), client, method, "http://"+host+path, form)
	}, nil
}

// serveConsole runs the command until the test ends, and returns its address. The error is
// what the command has printed.
func serveConsole(t *testing.T, environment []string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	reader, stderr := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"console"}, strings.NewReader(""), io.Discard, stderr, environment)
		_ = stderr.Close() // it returns nil
	}()
	address, said := make(chan string, 1), make(chan string, 1)
	go func() {
		var all strings.Builder
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "console listening" {
				address <- line.Address
			}
			all.WriteString(lines.Text() + "\n")
		}
		said <- all.String()
	}()
	t.Cleanup(func() { cancel(); <-said })
	select {
	case host := <-address:
		return host, nil
	case <-ended:
		text := <-said
		said <- text
		return "", errors.New(text)
	}
}

func visit(ctx context.Context, client *http.Client, method, address string, form url.Values) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	request.SetBasicAuth("ops", grantsPassword)
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }() // it was read
	text, err := io.ReadAll(response.Body)
	switch body := string(text); {
	case err != nil:
		return "", err
	case response.StatusCode == http.StatusSeeOther:
		return response.Header.Get("Location"), nil
	case response.StatusCode != http.StatusOK || strings.Contains(body, `class="error"`):
		_, problem, _ := strings.Cut(body, `class="error"`)
		problem, _, _ = strings.Cut(problem, "</p>")
		return body, fmt.Errorf("%s %s: status %d: %s", method, request.URL.Path, response.StatusCode, problem)
	default:
		return body, nil
	}
}
