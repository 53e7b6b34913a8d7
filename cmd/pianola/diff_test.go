package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/diff"
)

// TestDiff_Command is the exit status and both forms of output, over both protocols; what
// is compared is tested beside the package diff.
func TestDiff_Command(t *testing.T) {
	conn := server.Connect(t)
	const first, second = "diff_first", "diff_second"
	for _, database := range []string{first, second} {
		if got := call(t, protocols(t)["native"], "", "migrate", "--clickhouse.database", database); got.code != exitDone {
			t.Fatalf("%+v", got)
		}
		holdState(t, conn, database)
	}
	exec := func(statement string) {
		t.Helper()
		if err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%v\n%s", err, statement)
		}
	}
	insert := func(database, subscription, term string) {
		exec(`INSERT INTO ` + database + `.subscription_events (event_id, subscription_id, user_id, event_timestamp, subscription_action, term_name, transaction_value, version)
			VALUES (toUUID('00000000-0000-0000-0000-00000000000` + subscription[1:] + `'), '` + subscription + `', 'u', '2026-01-31 12:00:00', 'Renewed', ` + term + `, 9.99, 1)`)
	}
	for way, environment := range protocols(t) {
		run := func(args ...string) outcome {
			t.Helper()
			return call(t, environment, "", append([]string{"diff", first, second}, args...)...)
		}
		exec("TRUNCATE TABLE " + first + ".subscription_events")
		exec("TRUNCATE TABLE " + second + ".subscription_events")
		if got := run(); got.code != exitFound || !strings.Contains(got.stdout, "nothing was compared") || !strings.Contains(got.stderr, "there was nothing to compare") {
			t.Errorf("%s, two empty databases: %+v", way, got)
		}
		insert(first, "s1", "'Digital'")
		insert(second, "s1", "'Digital'")
		if got := run(); got.code != exitDone || got.problems() != "" || !strings.Contains(got.stdout, "no differences: 1 events in 1 months with transaction_value 9.9900, 0 open dead letters") {
			t.Errorf("%s, the same event: %+v", way, got)
		}
		insert(first, "s2", "'a \x1b\"term\"'")
		insert(second, "s2", "NULL")
		insert(second, "s3", "NULL")
		got := run()
		for _, want := range []string{"2026-01", "sample of events", "2026-01-31T12:00:00.000Z  Renewed  only in " + second, `term_name "a ·\"term\"", NULL`, "0 events only in " + first + ", 1 only in " + second + ", 1 changed"} {
			if !strings.Contains(got.stdout, want) {
				t.Errorf("%s: does not say %q:\n%s", way, want, got.stdout)
			}
		}
		if got.code != exitFound || !strings.Contains(got.stderr, "the databases differ") {
			t.Errorf("%s: %+v", way, got)
		}
		var report diff.Report
		got = run("--month", "2026-01", "--json")
		if err := json.Unmarshal([]byte(got.stdout), &report); err != nil || got.code != exitFound || report.Events.Changed != 1 || report.Filtered != nil {
			t.Errorf("%s, as JSON: %v, %+v", way, err, got)
		}
		if got := run("--month", "2025-12"); got.code != exitFound || !strings.Contains(got.stdout, "in the selected months") {
			t.Errorf("%s, a month without events: %+v", way, got)
		}
		if got := call(t, environment, "", "diff", first, "not_there"); got.code != exitFailed || !strings.Contains(got.stderr, "database not_there has version 0") || got.stdout != "" {
			t.Errorf("%s, a database without the schema: %+v", way, got)
		}
	}
}

func TestDiff_Usage(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want int
		says string
	}{
		"one database":  {[]string{"piano"}, exitUsage, "accepts 2 arg"},
		"the same":      {[]string{"piano", "piano"}, exitUsage, "give two different databases"},
		"no name":       {[]string{"piano", "a-b"}, exitUsage, "database 2: "},
		"month":         {[]string{"piano", "shadow", "--month", "2026-13"}, exitUsage, "--month: not a month"},
		"limit":         {[]string{"piano", "shadow", "--limit", "-1"}, exitUsage, "--limit: must be between 0 and 1000"},
		"configuration": {[]string{"piano", "shadow"}, exitConfiguration, "clickhouse.addr"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			got := call(t, nil, "", append([]string{"diff"}, c.args...)...)
			if got.code != c.want || !strings.Contains(got.stderr, c.says) || got.stdout != "" {
				t.Errorf("%+v", got)
			}
		})
	}
}
