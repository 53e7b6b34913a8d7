package schemas

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var oneServer = Options{Database: "piano"}

func TestMigrations_AreNumberedFromOneWithoutGap(t *testing.T) {
	all := rendered(t, oneServer)
	for i, m := range all {
		if m.Version != int64(i+1) {
			t.Errorf("migration %q has version %d, want %d", m.Name, m.Version, i+1)
		}
		if len(m.Statements) == 0 {
			t.Errorf("migration %q has no statement", m.Name)
		}
	}
	if got := LatestVersion(); got != int64(len(all)) {
		t.Errorf("LatestVersion is %d, the last migration is %d", got, len(all))
	}
}

func TestMigrations_MayRunTwice(t *testing.T) {
	// Rows that are inserted twice replace each other in these tables.
	harmless := regexp.MustCompile("^INSERT INTO `piano`.`(plan_changes|subscriptions|analytics_calendar)` |" + `^(DROP VIEW IF EXISTS|CREATE (TABLE|VIEW|MATERIALIZED VIEW) IF NOT EXISTS|CREATE OR REPLACE VIEW|ALTER TABLE .* (ADD|DROP|MODIFY) .*IF (NOT )?EXISTS) `)
	for _, o := range []Options{oneServer, {Database: "piano", Cluster: "main"}} {
		for _, m := range rendered(t, o) {
			for _, s := range m.Statements {
				if !harmless.MatchString(s) {
					t.Errorf("migration %q: running this again may fail: %.80s", m.Name, s)
				}
				if strings.Contains(s, "--") || strings.Contains(s, "{{") || strings.HasSuffix(s, ";") {
					t.Errorf("migration %q: not one clean statement: %s", m.Name, s)
				}
			}
		}
	}
}

func TestDDL_DeclaresWhatIsInserted(t *testing.T) {
	where := []Column{
		{"source", "LowCardinality(String)"}, {"source_name", "LowCardinality(String)"},
		{"source_epoch", "UInt32"}, {"source_partition", "Int32"},
	}
	const text, short, instant = "String", "LowCardinality(String)", "DateTime64(3, 'UTC')"
	tables := map[string][]Column{
		"subscription_events": EventColumns(),
		"dead_letters": append(slices.Clone(where), []Column{
			{"source_offset", "Int64"}, {"reason", short}, {"field", "LowCardinality(Nullable(String))"},
			{"detail", text}, {"subscription_id", "Nullable(String)"}, {"payload", text},
			{"payload_sha256", "Nullable(String)"}, {"message_time", instant}, {"decided_at", instant},
			{"attempts", "UInt32"}, {"resolved_at", "Nullable(DateTime64(3, 'UTC'))"},
			{"dismissed_by", "Nullable(String)"}, {"dismissed_why", "Nullable(String)"},
		}...),
		"filtered_subscriptions": {{"subscription_id", text}, {"version", "UInt64"}, {"filtered_at", instant}},
		"ingest_ledger": append(slices.Clone(where), []Column{
			{"kind", short}, {"cause", short}, {"start_offset", "Int64"}, {"next_offset", "Int64"},
			{"messages", "UInt64"}, {"stored", "UInt64"}, {"filtered", "UInt64"}, {"dead_lettered", "UInt64"},
			{"skipped", "UInt64"}, {"last_offset", "Int64"}, {"last_timestamp", instant},
			{"last_payload_sha256", text}, {"insert_token", text}, {"job_id", text}, {"instance", short},
			{"synced_at", instant}, {"written_at", instant},
		}...),
		"replay_jobs": {
			{"job_id", text}, {"record", short}, {"source", short}, {"state", short}, {"plan", text}, {"rules", text},
			{"rules_sha256", text}, {"started_at", instant}, {"finished_at", "Nullable(DateTime64(3, 'UTC'))"},
			{"planned", "UInt64"}, {"counts", "Map(LowCardinality(String), UInt64)"}, {"problem", text},
			{"instance", short}, {"written_at", instant},
		},
		"replay_claims": {
			{"job_id", text}, {"event_id", "UUID"}, {"version", "UInt64"}, {"source_name", short},
			{"source_epoch", "UInt32"}, {"source_partition", "Int32"}, {"source_offset", "Int64"},
		},
	}
	for table, want := range tables {
		statement := creates(t, oneServer, "TABLE", table)
		if got := declared(statement); !slices.Equal(got, want) {
			t.Errorf("%s\n got %v\nwant %v", table, got, want)
		}
		for line := range strings.Lines(statement) {
			if strings.HasPrefix(line, "    `") && !regexp.MustCompile(` COMMENT '[^']+' CODEC\(`).MatchString(line) {
				t.Errorf("%s: a column without comment or codec: %s", table, line)
			}
		}
	}
}

func TestDDL_HasTheContractsEnginesAndKeys(t *testing.T) {
	for table, clauses := range map[string]string{
		"subscription_events":    "ENGINE = ReplacingMergeTree(version, is_deleted)\nPARTITION BY toYYYYMM(event_timestamp)\nORDER BY (subscription_id, event_timestamp, event_id)\n",
		"dead_letters":           "ENGINE = ReplacingMergeTree(decided_at)\nORDER BY (source_name, source_epoch, source_partition, source_offset)\n",
		"filtered_subscriptions": "ENGINE = ReplacingMergeTree(version)\nORDER BY subscription_id\n",
		"replay_jobs":            "ENGINE = ReplacingMergeTree(written_at)\nORDER BY (job_id, record)\n",
		"ingest_ledger":          "ENGINE = MergeTree()\nORDER BY (source_name, source_epoch, source_partition, next_offset)\n",
	} {
		statement := creates(t, oneServer, "TABLE", table)
		if !strings.Contains(statement, clauses) {
			t.Errorf("%s: want %q in\n%s", table, clauses, statement)
		}
		if !strings.Contains(statement, "non_replicated_deduplication_window = 10000") {
			t.Errorf("%s: insert tokens would not work", table)
		}
	}
}

func TestEventStreamView_ShowsTheDocumentedColumnsAndSyncedAt(t *testing.T) {
	statement := creates(t, oneServer, "VIEW", "piano_subscriber_event_stream")
	list := between(t, statement, "SELECT\n", "\nFROM")
	var got []string
	for line := range strings.Lines(list) {
		line = strings.Trim(strings.TrimSpace(line), ",")
		if _, alias, found := strings.Cut(line, " AS "); found {
			line = alias
		}
		got = append(got, line)
	}
	if want := append(names(ContractColumns()), "synced_at"); !slices.Equal(got, want) {
		t.Errorf("view columns\n got %v\nwant %v", got, want)
	}
	if !strings.Contains(statement, "`piano`.`subscription_events` FINAL\nSETTINGS do_not_merge_across_partitions_select_final = 1") {
		t.Errorf("the view does not deduplicate:\n%s", statement)
	}
}

// The golden file was rendered once, read by a person, and kept; it has not been
// run on a real cluster.
func TestMigrations_ClusterFormIsAsReviewed(t *testing.T) {
	want, err := os.ReadFile("testdata/cluster.sql")
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, m := range rendered(t, Options{Database: "piano", Cluster: "main"}) {
		for _, s := range m.Statements {
			got.WriteString(regexp.MustCompile("(?m)^    `.*\n").ReplaceAllString(s, "") + ";\n")
		}
	}
	if got.String() != string(want) {
		t.Errorf("cluster form has changed; got\n%s", got.String())
	}
}

func TestOptions_RefusesNamesThatWouldNeedQuoting(t *testing.T) {
	for _, name := range []string{"", "a b", "a`; DROP TABLE b", "1a", "a-b", "ä"} {
		if _, err := Migrations(Options{Database: name}); err == nil {
			t.Errorf("database %q was accepted", name)
		}
		if _, err := CreateDatabase(Options{Database: name}); err == nil {
			t.Errorf("database %q was accepted for CREATE DATABASE", name)
		}
		if _, err := Migrations(Options{Database: "piano", Cluster: name}); err == nil && name != "" {
			t.Errorf("cluster %q was accepted", name)
		}
	}
}

func rendered(t *testing.T, o Options) []Migration {
	t.Helper()
	all, err := Migrations(o)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// creates finds the statement that makes a table or view.
func creates(t *testing.T, o Options, kind, name string) string {
	t.Helper()
	for _, m := range rendered(t, o) {
		for _, s := range m.Statements {
			if strings.HasPrefix(s, "CREATE "+kind+" IF NOT EXISTS `"+o.Database+"`.`"+name+"`") {
				return s
			}
		}
	}
	t.Fatalf("no migration creates %s %s", kind, name)
	return ""
}

// declared reads the columns of a CREATE TABLE statement.
func declared(statement string) []Column {
	var all []Column
	for _, m := range regexp.MustCompile("(?m)^    `([a-z0-9_]+)` (.+?)(?: DEFAULT 0)? COMMENT ").FindAllStringSubmatch(statement, -1) {
		all = append(all, Column{m[1], m[2]})
	}
	return all
}

func between(t *testing.T, s, from, to string) string {
	t.Helper()
	_, s, found := strings.Cut(s, from)
	s, _, ends := strings.Cut(s, to)
	if !found || !ends {
		t.Fatalf("no text between %q and %q", from, to)
	}
	return s
}

// TestRoles_DecideEveryObject fails for a new table or view until somebody decides who
// may read and write it.
func TestRoles_DecideEveryObject(t *testing.T) {
	// Views fill the last of these.
	notWrittenByIngest := append([]string{"actions_log", "suppressions", "erasures", "erasure_targets", "plan_changes", "subscriptions", "analytics_calendar", "experiments", "experiment_assignments"}, Marts()...)
	objects, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range objects {
		switch {
		case r.Kind == View && !slices.Contains(append(analystViews, MartViews()...), r.Name):
			t.Errorf("view %s: decide whether analysts read it, in schemas/grants.go", r.Name)
		case r.Kind != View && !slices.Contains(written, r.Name) && !slices.Contains(notWrittenByIngest, r.Name):
			t.Errorf("table %s: decide whether `pianola run` writes it, in schemas/grants.go", r.Name)
		}
	}
	roles, err := Roles(oneServer)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range roles {
		for _, g := range r.Grants {
			if g.On != "*" && g.Database == oneServer.Database && g.On != VersionTable && !slices.Contains(parameterViews, g.On) && !slices.ContainsFunc(objects, func(r Object) bool { return r.Name == g.On }) {
				t.Errorf("%s: %s is on nothing that the migrations create", r.Name, g.SQL())
			}
			if r.Name == RoleAnalyst && slices.Contains(g.Columns, hashColumn) {
				t.Errorf("analysts read the hash: %s", g.SQL())
			}
		}
	}
}
