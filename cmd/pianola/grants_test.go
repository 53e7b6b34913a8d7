package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	driverclickhouse "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/export"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/internal/sandbox/testbed/traces"
	"github.com/pianola/pianola/schemas"
)

// grantsPage documents the grants of each ClickHouse user.
const grantsPage = "../../docs/operations.md"

const grantsPassword = "only-for-these-tests"

// The roles as users. Their names have a prefix, since the fixture's own user is pianola.
const (
	grantedWriter   = schemas.RoleIngest
	grantedReader   = schemas.RoleRead
	grantedMigrator = schemas.RoleMigrate
	grantedExporter = schemas.RoleExport
	grantedAnalyst  = schemas.RoleAnalyst
	grantedHash     = schemas.RoleAnalystHash
	grantedCare     = schemas.RoleCare
	grantedPromo    = schemas.RolePromo
	grantedErase    = schemas.RoleErase
)

func userOf(role string) string { return "granted_" + role }

// rolesOf are the printed roles for a database.
func rolesOf(t *testing.T, database string) []schemas.Role {
	t.Helper()
	roles, err := schemas.Roles(schemas.Options{Database: database})
	if err != nil {
		t.Fatal(err)
	}
	roles = slices.DeleteFunc(roles, func(r schemas.Role) bool { // TestGrants_Console has them
		return r.Name == schemas.RoleConsole || r.Name == schemas.RoleConsoleOps || r.Name == schemas.RoleConsoleCare || r.Name == schemas.RoleConsolePromo
	})
	for i, r := range roles {
		switch r.Name {
		case grantedReader: // as the comment of the role says
			roles[i].Grants = append(r.Grants, schemas.Grant{Privilege: "SELECT", Database: shadowDatabase, On: "*"})
		case grantedHash: // in addition to the role of analysts
			of := slices.IndexFunc(roles, func(r schemas.Role) bool { return r.Name == grantedAnalyst })
			roles[i].Grants = append(slices.Clone(roles[of].Grants), r.Grants...)
		}
	}
	return roles
}

// variant is a role that lacks one privilege.
type variant struct {
	role    schemas.Role
	missing schemas.Grant
	user    string
}

// variantsOf takes one privilege after the other away, of a list of columns one column. In
// the short form it is the first of each kind; PIANOLA_TEST_LONG=1 takes each away.
func variantsOf(r schemas.Role) (all []variant) {
	if r.Name == grantedHash { // what it has of its own is tested by its denials
		return nil
	}
	seen := map[string]bool{}
	add := func(missing schemas.Grant, left []schemas.Grant) {
		if seen[missing.Privilege] && !tier.Long() {
			return
		}
		seen[missing.Privilege] = true
		v := variant{role: r, missing: missing, user: fmt.Sprintf("%s_without_%d", userOf(r.Name), len(all))}
		v.role.Grants = left
		all = append(all, v)
	}
	for i, g := range r.Grants {
		if len(g.Columns) < 2 {
			add(g, slices.Delete(slices.Clone(r.Grants), i, i+1))
			continue
		}
		for j, column := range g.Columns {
			left := slices.Clone(r.Grants)
			left[i].Columns = slices.Delete(slices.Clone(g.Columns), j, j+1)
			add(schemas.Grant{Privilege: g.Privilege, Columns: []string{column}, Database: g.Database, On: g.On}, left)
		}
	}
	return all
}

// accessOf makes users of roles. users.xml has no roles, so each user has the grants, the
// profile and the quota itself.
func accessOf(roles []schemas.Role, password string) (a clickhouse.Access) {
	add := func(name string, r schemas.Role) {
		u := clickhouse.User{Name: name, Password: grantsPassword}
		for _, g := range r.Grants {
			u.Grants = append(u.Grants, g.SQL())
		}
		if len(r.Settings) > 0 {
			u.Profile = r.Name
		}
		if len(r.HourlyQuota) > 0 && name == userOf(r.Name) { // a walk without a privilege asks often
			u.Quota = r.Name
		}
		a.Users = append(a.Users, u)
	}
	for _, r := range roles {
		add(userOf(r.Name), r)
		for _, v := range variantsOf(r) {
			add(v.user, v.role)
		}
		if len(r.Settings) > 0 {
			p := clickhouse.Profile{Name: r.Name, Settings: map[string]string{}, Between: map[string]clickhouse.Limits{}}
			for _, s := range r.Settings {
				p.Settings[s.Name] = s.Value
				if s.Max == "" {
					p.Constant = append(p.Constant, s.Name)
				} else {
					p.Between[s.Name] = clickhouse.Limits{Min: s.Min, Max: s.Max}
				}
			}
			a.Profiles = append(a.Profiles, p)
		}
		if len(r.HourlyQuota) > 0 {
			a.Quotas = append(a.Quotas, clickhouse.Quota{Name: r.Name, Interval: time.Hour, Limits: r.HourlyQuota})
		}
	}
	a.Users = append(a.Users, clickhouse.Owner(sandbox.User, password))
	return a
}

// TestGrants runs every command that needs ClickHouse as the role that the
// documentation gives it, with exactly the printed grants. Then it takes one
// privilege after the other away: a command must fail and name what is missing. At
// last it runs statements that each role must not run.
func TestGrants(t *testing.T) {
	tier.Full(t, "runs the commands for each privilege")
	t.Parallel()
	services, err := sandbox.Start(t.Context(), sandbox.Loopback(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(services.Close)
	s := (&testbed.Servers{Services: services}).Fixture(t, testbed.Config{Protocol: "native", Seed: 3, Subscribers: 100, State: true})
	s.Publish()
	internal := &kgo.Record{Topic: s.Topic, Value: []byte(`{"subscription_id":"sub-of-staff","event_timestamp":"2026-01-01T00:00:00Z","subscription_action":"Created","is_internal_user":true}`)}
	s.Must(s.Client.ProduceSync(t.Context(), internal).FirstErr())
	roles := rolesOf(t, s.Topic)
	if err := services.ClickHouse.RestartWith(t.Context(), accessOf(roles, services.Password), clickhouse.Settings{}); err != nil {
		t.Fatal(err)
	}
	w := &grantsWalk{Fixture: s, publisher: newPublisher(t, s), files: t.TempDir(), users: map[string]string{}}
	objects, err := schemas.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if o.Kind == schemas.View {
			w.views = append(w.views, o.Name)
		}
	}
	for _, r := range roles {
		if r.Name == grantedAnalyst {
			w.analystGrants = r.Grants
		}
	}
	t.Run("all of them are enough", func(t *testing.T) {
		w.migrate(t)
		for _, c := range w.commands() {
			if err := c.run(t); err != nil {
				t.Errorf("%s as %s: %v", c.name, c.role, err)
			}
		}
	})
	if t.Failed() {
		return
	}
	t.Run("denied", w.denied)
	for _, r := range roles {
		for _, v := range variantsOf(r) {
			t.Run("without "+v.missing.SQL()+" to "+r.Name, func(t *testing.T) {
				w.users[r.Name] = v.user
				defer delete(w.users, r.Name)
				w.migrate(t)
				for _, c := range w.commandsOnce() {
					if c.role != r.Name {
						continue
					}
					if err := c.run(t); err != nil {
						if text := err.Error(); !strings.Contains(text, "497") || !strings.Contains(text, strings.Replace(v.missing.Privilege, "DROP TABLE", "DROP ", 1)) {
							t.Errorf("%s fails without naming the missing privilege: %v", c.name, err)
						}
						return
					}
				}
				t.Errorf("every command of %s succeeds: the role has too much", r.Name)
			})
		}
	}
}

// denied runs statements that the roles must not run, one after the other.
func (w *grantsWalk) denied(t *testing.T) {
	const (
		notGranted = 497
		readonly   = 164
		constraint = 452
	)
	for _, c := range []struct {
		role, sql string
		code      int32
	}{
		{grantedWriter, "ALTER TABLE db.subscription_events DELETE WHERE 1", notGranted},
		{grantedWriter, "ALTER TABLE db.ingest_ledger DELETE WHERE 1", notGranted},
		{grantedWriter, "ALTER TABLE db.dead_letters UPDATE payload = '' WHERE 1", notGranted},
		{grantedWriter, "INSERT INTO db.actions_log (actor) SELECT 'x'", notGranted},
		{grantedWriter, "INSERT INTO db.schema_migrations (version) SELECT 99", notGranted},
		{grantedWriter, "DROP TABLE db.drift", notGranted},
		{grantedWriter, "TRUNCATE TABLE db.drift", notGranted},
		{grantedWriter, "CREATE TABLE db.mine (x UInt8) ENGINE = MergeTree ORDER BY x", notGranted},
		{grantedMigrator, "DROP DATABASE db", notGranted},
		{grantedMigrator, "ALTER TABLE db.subscription_events DELETE WHERE 1", notGranted},
		{grantedMigrator, "TRUNCATE TABLE db.drift", notGranted},
		{grantedReader, "INSERT INTO db.dead_letters (reason) SELECT 'x'", notGranted},
		{grantedReader, "ALTER TABLE db.dead_letters DELETE WHERE 1", notGranted},
		{grantedExporter, "SELECT payload FROM db.dead_letters", notGranted},
		{grantedExporter, "SELECT actor FROM db.actions_log", notGranted},
		{grantedExporter, "INSERT INTO db.drift (kind) SELECT 'x'", notGranted},
		{grantedAnalyst, "SELECT user_email_hash_sha256 FROM db.piano_subscriber_event_stream", notGranted},
		{grantedAnalyst, "SELECT * FROM db.analytics_events", notGranted},
		{grantedAnalyst, "SELECT user_email_hash_sha256 FROM db.subscription_events", notGranted},
		{grantedAnalyst, "SELECT count() FROM db.subscription_events WHERE user_email_hash_sha256 = 'x'", notGranted},
		{grantedAnalyst, "SELECT source_offset FROM db.subscription_events", notGranted},
		{grantedAnalyst, "SELECT payload FROM db.dead_letters", notGranted},
		{grantedAnalyst, "SELECT actor FROM db.actions_log", notGranted},
		{grantedAnalyst, "SELECT plan FROM db.replay_jobs", notGranted},
		{grantedAnalyst, "INSERT INTO db.subscription_events (subscription_id) SELECT 'x'", notGranted},
		{grantedAnalyst, "ALTER TABLE db.subscription_events DELETE WHERE 1", notGranted},
		{grantedAnalyst, "SELECT 1 SETTINGS readonly = 0", readonly},
		{grantedAnalyst, "SELECT 1 SETTINGS max_execution_time = 0", constraint},
		{grantedAnalyst, "SELECT 1 SETTINGS max_execution_time = 301", constraint},
		{grantedAnalyst, "SELECT 1 SETTINGS max_memory_usage = 0", constraint},
		{grantedHash, "SELECT source_offset FROM db.subscription_events", notGranted},
		{grantedHash, "SELECT payload FROM db.dead_letters", notGranted},
		{grantedCare, "SELECT count() FROM db.ingest_ledger", notGranted},
		{grantedCare, "SELECT payload FROM db.dead_letters", notGranted},
		{grantedCare, "INSERT INTO db.subscription_events (subscription_id) SELECT 'x'", notGranted},
		{grantedErase, "ALTER TABLE db.ingest_ledger DELETE WHERE 1", notGranted},
		{grantedErase, "ALTER TABLE db.dead_letters DELETE WHERE 1", notGranted},
		{grantedErase, "ALTER TABLE db.suppressions DELETE WHERE 1", notGranted},
		{grantedErase, "ALTER TABLE db.erasures UPDATE reason = '' WHERE 1", notGranted},
		{grantedErase, "ALTER TABLE db.subscription_events UPDATE event_name = '' WHERE 1", notGranted},
		{grantedErase, "INSERT INTO db.subscription_events (subscription_id) SELECT 'x'", notGranted},
		{grantedErase, "DROP TABLE db.drift", notGranted},
		{grantedWriter, "INSERT INTO db.experiments (experiment_id) SELECT 'x'", notGranted},
		{grantedPromo, "INSERT INTO db.subscription_events (subscription_id) SELECT 'x'", notGranted},
		{grantedPromo, "ALTER TABLE db.experiment_assignments DELETE WHERE 1", notGranted},
		{grantedPromo, "DROP TABLE db.segment_members", notGranted},
		{grantedAnalyst, "SELECT user_id FROM db.segment_members", notGranted},
		{grantedCare, "ALTER TABLE db.actions_log DELETE WHERE 1", notGranted},
	} {
		err := w.query(t, c.role, c.sql)
		var exception *driverclickhouse.Exception
		if !errors.As(err, &exception) || exception.Code != c.code {
			t.Errorf("%s may run %s: %v, want code %d", c.role, c.sql, err, c.code)
		}
	}
	const quotaExceeded = 201
	var exception *driverclickhouse.Exception
	conn := w.connect(t, grantedAnalyst)
	for range 1001 { // a query without a table does not count
		if err := conn.Exec(t.Context(), "SELECT month FROM "+w.Topic+"."+schemas.MonthClosings); errors.As(err, &exception) {
			break
		}
	}
	if exception == nil || exception.Code != quotaExceeded {
		t.Errorf("the quota of analysts does not end their queries: %v", exception)
	}
}

// connect logs in as a role, with the settings of its profile only.
func (w *grantsWalk) connect(t *testing.T, role string) driver.Conn {
	t.Helper()
	conn, err := driverclickhouse.Open(&driverclickhouse.Options{
		Addr: []string{w.Settings.ClickHouse.Addr[0]}, Auth: driverclickhouse.Auth{Username: w.user(role), Password: grantsPassword},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// query runs a statement and reads its result.
func (w *grantsWalk) query(t *testing.T, role, sql string) error {
	return w.connect(t, role).Exec(t.Context(), regexp.MustCompile(`\bdb\b`).ReplaceAllString(sql, w.Topic))
}

// grantsWalk runs the commands against one fixture.
type grantsWalk struct {
	*testbed.Fixture
	publisher *publisher
	runs      int // so that each run has a consumer group of its own
	files     string
	users     map[string]string // by role, where the user is not the role's own
	exported  string            // a subscription log

	analystGrants []schemas.Grant
	views         []string
}

func (w *grantsWalk) user(role string) string {
	if user := w.users[role]; user != "" {
		return user
	}
	return userOf(role)
}

type grantsCommand struct {
	name, role string
	run        func(*testing.T) error
}

// commands are in an order in which each finds what it works on.
func (w *grantsWalk) commands() (all []grantsCommand) {
	add := func(role, name string, run func(*testing.T) error) { all = append(all, grantsCommand{name, role, run}) }
	command := func(role string, args ...string) {
		add(role, strings.Join(args, " "), func(t *testing.T) error { return w.call(t, role, args...) })
	}
	query := func(role, sql string) {
		add(role, sql, func(t *testing.T) error { return w.query(t, role, sql) })
	}
	add(grantedMigrator, "migrate", func(t *testing.T) error {
		w.Exec("DROP DATABASE IF EXISTS " + w.Topic + " SYNC")
		if err := w.call(t, grantedMigrator, "migrate"); err != nil {
			return err
		}
		holdState(t, w.Analyst, w.Topic)
		return nil
	})
	add(grantedWriter, "run", w.ingest)
	command(grantedWriter, "dlq", "redrive", "--execute")
	add(grantedWriter, "replay kafka --execute", w.replay)
	add(grantedWriter, "reconcile --csv", func(t *testing.T) error {
		return w.call(t, grantedWriter, "reconcile", "--csv", w.export(t), "--as-of", time.Now().UTC().Truncate(time.Second).Format(time.RFC3339))
	})
	for range 5 { // the fifth drops the snapshot of the first
		command(grantedWriter, "reconcile")
	}
	add(grantedCare, "subscriber", func(t *testing.T) error {
		w.Exec("INSERT INTO subscription_events (subscription_id, user_id, event_timestamp, subscription_action) SELECT 'of-care', 'care', now64(3), 'Created'")
		defer w.Exec("ALTER TABLE subscription_events DELETE WHERE subscription_id = 'of-care'")
		return w.call(t, grantedCare, "subscriber", "of-care")
	})
	add(grantedCare, "subscription resume", func(t *testing.T) error {
		one := w.publisher.take("dynamic one to resume", func(s piano.Subscription) bool { return s.Term.Type == "dynamic" && *s.CanBeResumed })
		return w.call(t, grantedCare, "subscription", "resume", "--subscription", one.ID, "--execute")
	})
	for _, role := range []string{grantedPromo, grantedWriter} {
		command(role, "promo", "sync")
		add(role, "promo segment refresh", func(t *testing.T) error {
			w.Exec("INSERT INTO subscriptions (subscription_id, progress, is_deleted) SELECT '', (now64(3), now64(3), toUUID('00000000-0000-0000-0000-000000000000'), []), 1")
			for range 3 { // the third drops the run of the first
				if err := w.call(t, role, "promo", "segment", "refresh", "ended?days=3650"); err != nil {
					return err
				}
			}
			return nil
		})
	}
	add(grantedPromo, "promo experiment", func(t *testing.T) error {
		w.runs++
		name := fmt.Sprintf("walk-%d", w.runs)
		w.Exec("INSERT INTO segment_members SELECT run_id, 'somebody', 'of-promo' FROM segment_runs FINAL WHERE state = 'complete'")
		if err := w.call(t, grantedPromo, "promo", "experiment", "create", name, "--segment", "ended?days=3650", "--arm", "control:1", "--arm", "half:1:PR1", "--baseline", "0.1", "--target", "0.2", "--execute"); err != nil {
			return err
		}
		return w.call(t, grantedPromo, "promo", "experiment", "assign", name, "--execute")
	})
	add(grantedPromo, "promo create", func(t *testing.T) error {
		w.runs++
		return w.call(t, grantedPromo, "promo", "create", "--name", fmt.Sprintf("Walk %d", w.runs), "--percent", "5", "--execute")
	})
	add(grantedErase, "erase", func(t *testing.T) error {
		p, tables := traces.Person{User: "of-erase", Subscription: "sub-of-erase", AddressHash: "hash-of-erase"}, schemas.Options{Database: w.Topic}
		w.Must(traces.LeaveMessages(t.Context(), w.Analyst, tables, p))
		w.Must(traces.Leave(t.Context(), w.Analyst, tables, p))
		return w.call(t, grantedErase, "erase", "--user", "of-erase", "--by", "x", "--why", "x", "--wait", "0s", "--execute")
	})
	add(grantedErase, "purge-internal", func(t *testing.T) error {
		return w.call(t, grantedErase, "purge-internal", "--by", "x", "--why", "x", "--execute")
	})
	query(grantedCare, "SELECT count() FROM db.actions_log WHERE step = 'asked'") // before a retry
	command(grantedReader, "audit", "--deep")
	command(grantedReader, "dlq", "list")
	command(grantedReader, "offsets", "show")
	command(grantedReader, "diff", w.Topic, shadowDatabase)
	command(grantedReader, "config", "validate", "--connect")
	for _, view := range export.Names() {
		command(grantedExporter, "export", view, "--to", w.files, "--format", "csv")
	}
	command(grantedExporter, "export", "stream", "--to", w.files, "--format", "csv", "--since", "last", "--partition-by", "month")
	for _, g := range w.analystGrants {
		if slices.Contains(w.views, g.On) && len(g.Columns) > 0 {
			query(grantedAnalyst, "SELECT "+strings.Join(g.Columns, ", ")+" FROM db."+g.On)
			query(grantedHash, "SELECT * FROM db."+g.On)
		}
	}
	for _, mart := range slices.Concat(schemas.Marts(), schemas.MartViews()) {
		query(grantedAnalyst, "SELECT * FROM db."+mart)
	}
	for _, question := range questions() {
		query(grantedAnalyst, regexp.MustCompile(`\bFROM ([a-z])`).ReplaceAllString(question, "FROM db.$1"))
	}
	query(grantedAnalyst, "SELECT * FROM db.subscriptions FINAL")
	query(grantedAnalyst, "SELECT * FROM db.subscription_state_at(at = '2026-01-01 00:00:00')")
	query(grantedAnalyst, "SELECT * FROM db.month_figures_as_of(at = '2026-01-01 00:00:00')")
	query(grantedAnalyst, "SELECT * FROM db.subscription_state_of(subscription = 'x', at = '2026-01-01 00:00:00')")
	return all
}

// commandsOnce are the commands without repetitions: once they have all run, the first
// reconciliation drops a snapshot.
func (w *grantsWalk) commandsOnce() []grantsCommand {
	seen := map[string]bool{}
	return slices.DeleteFunc(w.commands(), func(c grantsCommand) bool {
		again := seen[c.role+c.name]
		seen[c.role+c.name] = true
		return again
	})
}

// export is a subscription log of the publisher.
func (w *grantsWalk) export(t *testing.T) string {
	t.Helper()
	if w.exported == "" {
		text, err := os.ReadFile(simulated{Server: w.publisher.server}.export(t))
		if err != nil {
			t.Fatal(err)
		}
		w.exported = filepath.Join(w.files, "subscriptions.csv")
		if err := os.WriteFile(w.exported, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w.exported
}

// environment is that of a process which logs in with a role.
func (w *grantsWalk) environment(role string) []string {
	cfg := w.Settings
	cfg.ClickHouse.User, cfg.ClickHouse.Password = w.user(role), grantsPassword
	api := w.publisher.environment()[len(environment(w.Settings)):]
	return append(append(environment(cfg), api...), "PIANOLA_RECONCILE_SETTLE=0s", "PIANOLA_RECONCILE_KEEP=3", "PIANOLA_ERASURE_KEY="+erasureSecret, "PIANOLA_LOG_LEVEL=warn")
}

// call runs a command. Its error is what an operator reads. A warning of a missing
// grant is one too: reconcile continues when old snapshots cannot be dropped.
func (w *grantsWalk) call(t *testing.T, role string, args ...string) error {
	got := call(t, w.environment(role), "", args...)
	if got.code != exitDone && got.code != exitFound || strings.Contains(got.stderr, "code 497") {
		return fmt.Errorf("exit status %d: %s", got.code, got.stderr)
	}
	return nil
}

// replay moves events by another time zone, so that the job needs claims and drops them.
func (w *grantsWalk) replay(t *testing.T) error {
	environment := append(w.environment(grantedWriter), "PIANOLA_TRANSFORM_SOURCE_TIMEZONE=America/New_York")
	got := call(t, environment, "", "replay", "kafka", "--from", "2000-01-01T00:00:00Z", "--execute")
	if got.code != exitDone && got.code != exitFound {
		return fmt.Errorf("exit status %d: %s", got.code, got.stderr)
	}
	return nil
}

// ingest runs `pianola run` until everything is committed, or until it fails.
func (w *grantsWalk) ingest(t *testing.T) error {
	w.runs++
	w.Settings.Kafka.Group = fmt.Sprintf("%s_%d", w.Topic, w.runs)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"run"}, strings.NewReader(""), io.Discard, &stderr, w.environment(grantedWriter))
	}()
	code := -1
	err := testbed.Await(ctx, "everything committed, or the end of the process", func() (bool, error) {
		select {
		case code = <-ended:
			return true, nil
		default:
			return w.CommittedAll(), nil
		}
	})
	if cancel(); code < 0 {
		code = <-ended
	}
	if err == nil && code != exitDone {
		err = fmt.Errorf("exit status %d: %s", code, stderr.String())
	}
	return err
}

// shadowDatabase is the second database of the documented grants.
const shadowDatabase = "piano_shadow"

// migrate makes sure of both schemas, as the fixture's own user.
func (w *grantsWalk) migrate(t *testing.T) {
	t.Helper()
	shadow := w.Settings
	shadow.ClickHouse.Database = shadowDatabase
	for _, settings := range []config.Config{w.Settings, shadow} {
		if err := sandbox.Migrate(t.Context(), settings, zap.NewNop()); err != nil {
			t.Fatal(err)
		}
		holdState(t, w.Analyst, settings.ClickHouse.Database)
	}
}

// TestGrants_PageIsWhatTheCommandPrints keeps docs/operations.md true.
func TestGrants_PageIsWhatTheCommandPrints(t *testing.T) {
	got := call(t, nil, "", "schema", "grants")
	if got.code != exitDone {
		t.Fatalf("schema grants: %+v", got)
	}
	const begin, end = "<!-- pianola schema grants -->\n```sql\n", "```\n<!-- end of pianola schema grants -->"
	page, err := os.ReadFile(grantsPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), begin)
	block, after, ends := strings.Cut(rest, end)
	if !found || !ends {
		t.Fatalf("%s has no block between %q and %q", grantsPage, begin, end)
	}
	if *update {
		if err := os.WriteFile(grantsPage, []byte(before+begin+got.stdout+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		block = got.stdout
	}
	if block != got.stdout {
		t.Errorf("docs/operations.md is stale; run go test ./cmd/pianola -run TestGrants_Page -update")
	}
}

// TestGrants_ParseInClickHouse asks ClickHouse to parse what it cannot run here: its users
// come from a file.
func TestGrants_ParseInClickHouse(t *testing.T) {
	conn := server.Connect(t)
	var statements []string
	for line := range strings.Lines(call(t, nil, "", "schema", "grants").stdout) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			statements = append(statements, strings.TrimSuffix(line, ";"))
		}
	}
	if len(statements) < 40 {
		t.Fatalf("%d statements", len(statements))
	}
	for _, sql := range statements {
		var parsed string
		err := conn.QueryRow(driverclickhouse.Context(t.Context(), driverclickhouse.WithParameters(driverclickhouse.Parameters{"sql": sql})), "SELECT formatQuery({sql:String})").Scan(&parsed)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	one := call(t, nil, "", "schema", "grants", schemas.RoleCare, "--clickhouse.database", "elsewhere").stdout
	if !strings.Contains(one, "GRANT INSERT ON elsewhere.actions_log TO pianola_care;") || strings.Contains(one, schemas.RoleIngest) {
		t.Errorf("one role of another database:\n%s", one)
	}
	if got := call(t, nil, "", "schema", "grants", "pianola_nobody"); got.code != exitUsage || !strings.Contains(got.stderr, schemas.RoleCare) {
		t.Errorf("an unknown role: %+v", got)
	}
}
