package main

import (
	"cmp"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/letters"
	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/sink"
)

// imposed is a profile with values that shorten results, change what expressions
// mean, or refuse queries.
var imposed = map[string]string{
	"compatibility": "22.3", "enable_analyzer": "0",
	"limit": "3", "offset": "1", "read_overflow_mode": "break", "result_overflow_mode": "break",
	"timeout_overflow_mode": "break", "group_by_overflow_mode": "any", "sort_overflow_mode": "break",
	"distinct_overflow_mode": "break", "join_overflow_mode": "break", "set_overflow_mode": "break", "transfer_overflow_mode": "break",
	"additional_result_filter": "1 = 0", "empty_result_for_aggregation_by_empty_set": "1", "use_query_cache": "1",
	"join_use_nulls": "1", "join_default_strictness": "ANY", "any_join_distinct_right_table_keys": "1", "transform_null_in": "1",
	"aggregate_functions_null_for_empty": "1", "cast_keep_nullable": "1", "data_type_default_nullable": "1",
	"prefer_column_name_to_alias": "1", "session_timezone": "America/New_York", "final": "1",
	"force_primary_key": "1", "force_index_by_date": "1",
	"async_insert": "1", "max_partitions_per_insert_block": "1", "insert_deduplicate": "0",
}

// TestProfile_ThatImposesSettings runs the commands as users whose profile has other
// settings than ClickHouse's defaults. The results must not depend on it.
func TestProfile_ThatImposesSettings(t *testing.T) {
	tier.Full(t, "runs every command three times")
	services, err := sandbox.Start(t.Context(), sandbox.Loopback(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(services.Close)
	servers := &testbed.Servers{Services: services}
	for _, protocol := range []string{"native", "http"} {
		t.Run(protocol, func(t *testing.T) {
			s := servers.Fixture(t, testbed.Config{Protocol: protocol, Seed: 3, Subscribers: 100})
			s.Publish()
			w := &grantsWalk{Fixture: s, publisher: newPublisher(t, s), files: t.TempDir()}
			restart := func(t *testing.T, settings map[string]string) {
				t.Helper()
				access := clickhouse.Access{Profiles: []clickhouse.Profile{{Name: "imposed", Settings: settings}}}
				for _, name := range []string{grantedWriter, grantedReader, grantedMigrator} {
					access.Users = append(access.Users, clickhouse.User{Name: "granted_" + name, Password: grantsPassword, Profile: "imposed", Grants: []string{clickhouse.Everything}})
				}
				access.Users = append(access.Users, clickhouse.Owner(sandbox.User, services.Password))
				if err := services.ClickHouse.RestartWith(t.Context(), access, clickhouse.Settings{}); err != nil {
					t.Fatal(err)
				}
			}
			results := func(t *testing.T) (figures string) {
				t.Helper()
				for _, c := range w.commands()[:4] { // migrate, run, redrive, replay
					if err := c.run(t); err != nil {
						t.Fatalf("%s: %v", c.name, err)
					}
				}
				w.Exec("OPTIMIZE TABLE subscription_events FINAL") // the audit counts the rows before merges
				for _, args := range [][]string{{"reconcile", "--json"}, {"audit", "--deep", "--json"}, {"dlq", "list", "--json"}} {
					got := call(t, w.environment(grantedWriter), "", args...)
					if got.code != exitDone && got.code != exitFound {
						t.Fatalf("%v: exit status %d: %s", args, got.code, got.stderr)
					}
					text := got.stdout
					if args[0] == "dlq" {
						text = inOrderOfCoordinates(t, text)
					}
					figures += strings.Join(args, " ") + "\n" + withoutMoments(text)
				}
				return figures
			}
			restart(t, nil)
			want := results(t)
			restart(t, imposed)
			if got := results(t); got != want {
				t.Errorf("the profile changes results\ngot  %s\nwant %s", got, want)
			}
			t.Run("a limit is an error", func(t *testing.T) {
				restart(t, map[string]string{"max_rows_to_read": "20", "read_overflow_mode": "break", "max_result_rows": "20", "result_overflow_mode": "break"})
				got := call(t, w.environment(grantedReader), "", "audit", "--deep")
				if got.code != exitFailed || !strings.Contains(got.stderr, "the user's profile limits") {
					t.Errorf("exit status %d: %s%s", got.code, got.stdout, got.stderr)
				}
			})
		})
	}
}

// inOrderOfCoordinates sorts the dead letters of `dlq list --json`. The command lists the
// latest decision first, and the batches of two runs end in different places.
func inOrderOfCoordinates(t *testing.T, text string) string {
	t.Helper()
	var listed listing
	if err := json.Unmarshal([]byte(text), &listed); err != nil || len(listed.DeadLetters) == 0 || uint64(len(listed.DeadLetters)) != listed.Total {
		t.Fatalf("dlq list --json: %v: the test needs every dead letter\n%s", err, text)
	}
	slices.SortFunc(listed.DeadLetters, func(a, b letters.Letter) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	sorted, err := json.MarshalIndent(listed, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(sorted)
}

// withoutMoments removes what differs between two runs of the same commands: ids,
// times, the group, and what depends on how long something took.
func withoutMoments(text string) string {
	for _, variable := range []string{
		`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`, `\d{4}-\d\d-\d\d[T ][0-9:.]+Z?`, `"[a-z_]*(seconds|elapsed|took)[a-z_]*": ?[0-9.]+`, `"(group|flushes)": .*`,
	} {
		text = regexp.MustCompile(variable).ReplaceAllString(text, "…")
	}
	return text
}

// TestProfile_PageListsThePinnedSettings compares docs/operations.md with the settings
// that statements have.
func TestProfile_PageListsThePinnedSettings(t *testing.T) {
	page, err := os.ReadFile(grantsPage)
	if err != nil {
		t.Fatal(err)
	}
	for name := range sink.Options(sink.Defaults()).Settings {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/operations.md does not list the setting %s", name)
		}
	}
}
