package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/internal/sandbox/testbed/traces"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// The person of these tests. Every id is a word that nothing else has.
const (
	erasedUser    = "canary-user-7f3a"
	erasedAddress = "Canary.Person@example.com"
	erasureSecret = "a secret of the tests, 32 characters"
)

// erasedIDs are what no table may have after the erasure.
func erasedIDs(t *testing.T) []string {
	t.Helper()
	hash, ok := transform.HashAddress(erasedAddress)
	if !ok {
		t.Fatal("no address")
	}
	return []string{erasedUser, "canary-sub-1", "canary-sub-2", "canary-sub-3", "canary-sub-4", "canary-sub-5", hash}
}

const eventRest = `"event_timestamp":"2026-01-0%dT00:00:00Z","subscription_action":"%s"`

// eventOf is a message with some fields.
func eventOf(day int, action, fields string) string {
	return `{` + fields + `,` + fmt.Sprintf(eventRest, day, action) + `}`
}

// messagesOfThePerson are of every kind: with and without the user, linked by a change of the
// subscription, by the address alone, internal, and refused.
func messagesOfThePerson() []string {
	return []string{
		eventOf(1, "Created", `"subscription_id":"canary-sub-1","user_id":"`+erasedUser+`","user_email":"`+erasedAddress+`"`),
		eventOf(2, "Renewed", `"subscription_id":"canary-sub-1"`),
		eventOf(3, "Upgraded", `"subscription_id":"canary-sub-1","upgrade_to_subscription_id":"canary-sub-2"`),
		eventOf(3, "Created", `"subscription_id":"canary-sub-2"`),
		eventOf(4, "Created", `"subscription_id":"canary-sub-3","user_email":"`+erasedAddress+`"`),
		eventOf(5, "Created", `"subscription_id":"canary-sub-4","user_id":"`+erasedUser+`","is_internal_user":true`),
		eventOf(6, "Created", `"subscription_id":"canary-sub-4","user_id":"`+erasedUser+`"`),
		`{"subscription_id":"canary-sub-1","event_timestamp":"no","subscription_action":"Renewed"}`,
		`{"subscription_id":"canary-sub-5","user_id":"` + erasedUser + `","event_timestamp":"no","subscription_action":"Renewed"}`,
		`{"user_id":"canary-user\u002d7f3a","user_email_hash_sha256":"` + erasedAddress + `","event_timestamp":"2026-01-01","subscription_action":"Renewed"}`,
	}
}

// messagesOfOthers stay. One is of a subscription that changes to one of the person.
func messagesOfOthers() []string {
	return []string{
		eventOf(1, "Created", `"subscription_id":"other-sub","user_id":"canary-user-7f3a2","user_email":"other@example.com"`),
		eventOf(2, "Upgraded", `"subscription_id":"other-sub","user_id":"canary-user-7f3a2","upgrade_to_subscription_id":"canary-sub-2"`),
		`{"subscription_id":"other-sub","user_id":"canary-user-7f3a2","event_timestamp":"no","subscription_action":"Renewed"}`,
	}
}

// erasureWalk is a fixture with a person in every table.
type erasureWalk struct {
	*testbed.Fixture
	sent    int
	further []string // variables of the environment
}

func newErasureWalk(t *testing.T, protocol string) *erasureWalk {
	t.Helper()
	w := &erasureWalk{Fixture: testbed.Start(t).Fixture(t, testbed.Config{Protocol: protocol, State: true})}
	w.Settings.Erasure.Key = erasureSecret
	w.Settings.Erasure.Refresh = 50 * time.Millisecond
	w.produce(append(messagesOfThePerson(), messagesOfOthers()...))
	w.Ingest()
	for _, p := range []traces.Person{{User: erasedUser, Subscription: "canary-sub-1"}, {User: "canary-user-7f3a2", Subscription: "other-sub"}} {
		w.Must(traces.Leave(t.Context(), w.Analyst, w.tables(), p))
	}
	return w
}

// produce sends messages with a time each, so that redelivery has a higher version.
func (w *erasureWalk) produce(messages []string) {
	w.Helper()
	for _, m := range messages {
		w.sent++
		w.Produce(kafka.Record{Partition: int32(w.sent % testbed.Partitions), Time: time.UnixMilli(1_770_000_000_000 + int64(w.sent)), Value: []byte(m)})
	}
}

func (w *erasureWalk) environment() []string {
	return append(append(environment(w.Settings), w.further...), "PIANOLA_ERASURE_KEY="+w.Settings.Erasure.Key.Reveal(), "PIANOLA_ERASURE_REFRESH=50ms", "PIANOLA_LOG_LEVEL=error",
		"PIANOLA_RECONCILE_SETTLE=0s", "PIANOLA_CONSUMER_INSTANCE=test")
}

// run runs a command that must succeed, or find something.
func (w *erasureWalk) run(stdin string, args ...string) outcome {
	w.Helper()
	got := call(w.TB.(*testing.T), w.environment(), stdin, args...)
	if got.code != exitDone && got.code != exitFound {
		w.Fatalf("%v: exit status %d\n%s%s", args, got.code, got.stdout, got.stderr)
	}
	return got
}

func (w *erasureWalk) tables() schemas.Options { return schemas.Options{Database: w.Topic} }

// scan returns the tables with rows that have one of the texts.
func (w *erasureWalk) scan(texts ...string) []string {
	w.Helper()
	with, err := traces.Of(w.Context(), w.Analyst, w.tables(), texts...)
	w.Must(err)
	return with
}

// wantNothing scans every column of every table, and what ClickHouse keeps of mutations.
func (w *erasureWalk) wantNothing(when string) {
	w.Helper()
	ids := erasedIDs(w.TB.(*testing.T))
	if with := w.scan(ids...); len(with) > 0 {
		w.Errorf("%s: %v have one of %q", when, with, ids)
	}
	for _, id := range ids {
		var n uint64
		ctx := clickhouse.Context(w.Context(), clickhouse.WithParameters(clickhouse.Parameters{"text": id}))
		w.Must(w.Analyst.QueryRow(ctx, "SELECT count() FROM system.mutations WHERE position(command, {text:String}) > 0").Scan(&n))
		if n > 0 {
			w.Errorf("%s: %s is in %d mutations", when, id, n)
		}
	}
}

func (w *erasureWalk) wantCleanAudit(when string) {
	w.Helper()
	got := w.run("", "audit", "--deep", "--json")
	if got.code != exitDone {
		w.Errorf("%s: the deep audit has findings: %s", when, got.stdout)
	}
}

var eraseArguments = []string{"erase", "--user", erasedUser, "--by", "J. Doe", "--why", "request 4711", "--wait", "200ms", "--execute", "--json"}

// TestErase_LeavesNothingAndNothingComesBack is the canary test of erasure.
func TestErase_LeavesNothingAndNothingComesBack(t *testing.T) {
	tier.Full(t, "runs every way by which rows are written")
	for _, protocol := range []string{"native", "http"} {
		t.Run(protocol, func(t *testing.T) {
			w := newErasureWalk(t, protocol)
			for _, id := range erasedIDs(t) {
				if len(w.scan(id)) == 0 {
					t.Errorf("%s is in no table before: the test proves nothing", id)
				}
			}
			exports := t.TempDir()
			w.run("", "export", "stream", "--to", exports, "--format", "csv")
			others := w.scan("canary-user-7f3a2")
			plan := w.run("", "erase", "--user", erasedUser, "--json")
			var planned eraseResult
			if err := json.Unmarshal([]byte(plan.stdout), &planned); err != nil {
				t.Fatal(err)
			}
			if p := planned.Plan; p.Users != 1 || p.Subscriptions != 5 || p.Addresses != 1 || p.Shared != 1 {
				t.Errorf("plan %+v", p)
			}
			if len(w.scan(erasedUser)) == 0 {
				t.Fatal("the plan has erased")
			}
			w.wantCleanAudit("before")

			got := w.run("", append(slices.Clone(eraseArguments), "--exports", exports, "--exports", filepath.Join(exports, "nowhere"))...)
			var result eraseResult
			if err := json.Unmarshal([]byte(got.stdout), &result); err != nil {
				t.Fatal(err)
			}
			w.wantNothing("after the erasure")
			if left := w.scan("canary-user-7f3a2"); !slices.Equal(left, others) {
				t.Errorf("another person was in %v, and is in %v", others, left)
			}
			if result.Report.Entries != 9 || result.Report.Counts["subscription_events"] == 0 || result.Report.Counts["dead_letters"] != 3 {
				t.Errorf("report %+v", result.Report)
			}
			if u := result.Unreached; len(u.Exports) != 1 || u.Exports[0].View != "piano_subscriber_event_stream" || len(u.Unchecked) != 1 {
				t.Errorf("exports that may hold the person: %+v", u)
			}
			for _, text := range []string{got.stdout, got.stderr, plan.stdout, plan.stderr} {
				for _, id := range erasedIDs(t) {
					if strings.Contains(text, id) {
						t.Errorf("the output names %s: %s", id, text)
					}
				}
			}
			var by, why, state string
			var letters uint64
			w.One("SELECT requested_by, reason, state FROM erasures FINAL", &by, &why, &state)
			w.One("SELECT count() FROM dead_letters FINAL", &letters)
			if by != "J. Doe" || why != "request 4711" || state != "complete" || letters != 4 {
				t.Errorf("account %s, %s, %s; %d dead letters", by, why, state, letters)
			}
			w.wantCleanAudit("after the erasure")

			w.run("", "replay", "kafka", "--from", "2000-01-01T00:00:00Z", "--execute")
			w.wantNothing("after replay kafka")
			w.wantCleanAudit("after replay kafka")

			file := filepath.Join(t.TempDir(), "history.ndjson")
			if err := os.WriteFile(file, []byte(strings.Join(append(messagesOfThePerson(), messagesOfOthers()...), "\n")), 0o600); err != nil {
				t.Fatal(err)
			}
			w.run("", "replay", "files", file, "--execute")
			w.wantNothing("after replay files")

			w.run("", "dlq", "redrive", "--execute")
			w.wantNothing("after dlq redrive")
			w.wantCleanAudit("after dlq redrive")

			log := filepath.Join(t.TempDir(), "log.csv")
			rows := []string{"Subscription ID,Start date,Subscription status,Term type,User ID (UID)", "canary-sub-1,2026-01-01,Active,Payment," + erasedUser,
				"canary-sub-9,2026-01-01,Active,Payment," + erasedUser, "canary-sub-2,2026-01-01,Active,Payment,", "other-sub,2026-01-01,Active,Payment,canary-user-7f3a2"}
			if err := os.WriteFile(log, []byte(strings.Join(rows, "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			w.run("", "reconcile", "--csv", log, "--as-of", time.Now().UTC().Truncate(time.Second).Format(time.RFC3339))
			w.wantNothing("after a snapshot")
			if with := w.scan("canary-sub-9"); len(with) > 0 {
				t.Errorf("a new subscription of the person is in %v", with)
			}

			w.produce(append(messagesOfThePerson(), eventOf(7, "Created", `"subscription_id":"canary-sub-9","user_id":"`+erasedUser+`"`)))
			one := w.Serve()
			w.AwaitCommitted(one.Run)
			if n := one.Metric("pianola_suppressed_messages_total"); n != float64(len(messagesOfThePerson())+1) {
				t.Errorf("%v messages suppressed", n)
			}
			if n := one.Metric("pianola_suppression_list_entries"); n != 9 {
				t.Errorf("%v entries", n)
			}
			one.Drain()
			w.wantNothing("after live redelivery")
			w.wantCleanAudit("after live redelivery")
			if left := w.scan("canary-user-7f3a2"); !slices.Contains(left, "subscription_events") {
				t.Error("another person is gone")
			}
			var filtered uint64
			w.One("SELECT sum(filtered) FROM ingest_ledger WHERE kind = 'flush'", &filtered)
			if want := uint64(len(messagesOfThePerson()) + 1 + 1); filtered != want { // and the internal one before
				t.Errorf("the ledger counts %d filtered messages, want %d", filtered, want)
			}

			w.replaceKey()
			again := w.run("", eraseArguments...)
			if !strings.Contains(again.stdout, `"complete"`) && again.code != exitDone {
				t.Errorf("an erasure of nobody: %+v", again)
			}
		})
	}
}

// TestErase_SharedSubscription erases one of two users. The state then comes from
// the events of the other one, also when the erased user had the last event.
func TestErase_SharedSubscription(t *testing.T) {
	tier.Full(t, "ingests messages")
	w := &erasureWalk{Fixture: services(t).Fixture(t, testbed.Config{Protocol: "native", State: true})}
	w.Settings.Erasure.Key = erasureSecret
	const other = "canary-user-7f3a2"
	w.produce([]string{
		eventOf(1, "Created", `"subscription_id":"last-of-person","user_id":"`+other+`"`),
		eventOf(2, "Canceled", `"subscription_id":"last-of-person","user_id":"`+erasedUser+`"`),
		eventOf(1, "Created", `"subscription_id":"last-of-other","user_id":"`+erasedUser+`","transaction_value":11`),
		eventOf(2, "Renewed", `"subscription_id":"last-of-other","user_id":"`+other+`","transaction_value":22`),
		eventOf(1, "Created", `"subscription_id":"canary-sub-1","user_id":"`+erasedUser+`"`),
	})
	w.Ingest()
	// Flushes of the last 15 minutes are looked at again anyway.
	w.Exec("ALTER TABLE subscription_events UPDATE synced_at = synced_at - INTERVAL 1 HOUR WHERE true")
	state := func() (of []string) {
		w.Helper()
		w.RefreshState()
		w.One(`SELECT groupArray(concat(subscription_id, ' ', user_id, ' ', status, ' ', toString(events), ' ', toString(length(payments))))
			FROM (SELECT * FROM subscriptions FINAL ORDER BY subscription_id)`, &of)
		return of
	}
	want := []string{"canary-sub-1 " + erasedUser + " active 1 0", "last-of-other " + other + " active 2 2", "last-of-person " + erasedUser + " cancelled 2 0"}
	if got := state(); !slices.Equal(got, want) {
		t.Fatalf("the state before is %q, want %q", got, want)
	}
	w.run("", eraseArguments...)
	w.Exec("OPTIMIZE TABLE subscriptions FINAL") // a merge loses nothing
	var got []string
	want = []string{"last-of-other " + other + " active 1 1", "last-of-person " + other + " active 1 0"}
	err := testbed.Await(t.Context(), "the state of the other user", func() (bool, error) {
		got = state()
		return slices.Equal(got, want), nil
	})
	if err != nil {
		t.Errorf("the state is %q, want %q: %v", got, want, err)
	}
	if with := w.scan(erasedUser); len(with) > 0 {
		t.Errorf("the person is in %v", with)
	}
}

// replaceKey erases the other person with a new key. The list then has entries of both.
func (w *erasureWalk) replaceKey() {
	w.Helper()
	const other = "canary-user-7f3a2"
	w.Settings.Erasure.Key = "another secret of the tests, 32 characters"
	if got := call(w.TB.(*testing.T), w.environment(), "", "erase", "--user", other); got.code != exitFailed || !strings.Contains(got.stderr, "entries of a key that is not configured") {
		w.Errorf("without the old key: %+v", got)
	}
	old := filepath.Join(w.TB.(*testing.T).TempDir(), "old")
	w.Must(os.WriteFile(old, []byte(erasureSecret+"\n"), 0o600))
	w.further = []string{"PIANOLA_ERASURE_OLD_KEYS_FILE=" + old}
	w.run("", "erase", "--user", other, "--by", "x", "--why", "x", "--wait", "200ms", "--execute")
	w.run("", "replay", "kafka", "--from", "2000-01-01T00:00:00Z", "--execute")
	w.wantNothing("after an erasure with another key")
	if with := w.scan(other); len(with) > 0 {
		w.Errorf("the person of the new key is in %v", with)
	}
	w.wantCleanAudit("with two keys")
}

// TestErase_SnapshotOfTheAPI erases a user whom Piano still has. The next snapshot of its API
// has everybody else.
func TestErase_SnapshotOfTheAPI(t *testing.T) {
	tier.Full(t, "reconciles with a simulated Piano")
	w := &erasureWalk{Fixture: services(t).Fixture(t, testbed.Config{Protocol: "native", Seed: 5, Subscribers: 60, State: true})}
	w.Settings.Erasure.Key = erasureSecret
	w.Publish()
	w.Ingest()
	w.further = simulate(w.Fixture, pianoapi.Config{}).environment()
	w.run("", "reconcile")
	var user string
	var subscriptions []string
	w.One(`SELECT user_id, groupUniqArray(subscription_id) FROM piano_api_subscriptions
		WHERE user_id != '' AND user_id IN (SELECT user_id FROM subscription_events) AND subscription_id NOT IN (SELECT subscription_id FROM subscription_events GROUP BY 1 HAVING uniqExact(user_id) > 1)
		GROUP BY user_id ORDER BY count() DESC, user_id LIMIT 1`, &user, &subscriptions)
	snapshot := func() (others, all uint64) {
		w.One("SELECT countIf(NOT has(['"+strings.Join(subscriptions, "','")+"'], subscription_id)), count() FROM piano_api_subscriptions", &others, &all)
		return others, all
	}
	others, all := snapshot()
	if others == 0 || others+uint64(len(subscriptions)) != all {
		t.Fatalf("the snapshot has %d subscriptions, %d of them of others", all, others)
	}
	w.run("", "erase", "--user", user, "--by", "J. Doe", "--why", "request 4711", "--wait", "0s", "--execute")
	for range 2 {
		w.run("", "reconcile")
		for _, id := range append(subscriptions, user) {
			if with := w.scan(id); len(with) > 0 {
				t.Errorf("%s is in %v", id, with)
			}
		}
		if left, all := snapshot(); left != others || all != others {
			t.Errorf("the snapshot has %d subscriptions, want %d", all, others)
		}
	}
}

// TestErase_ByAddress finds the person by standard input, and refuses an address of several.
func TestErase_ByAddress(t *testing.T) {
	tier.Full(t, "ingests messages")
	w := newErasureWalk(t, "native")
	w.produce([]string{eventOf(1, "Created", `"subscription_id":"family-sub","user_id":"canary-user-2","user_email":"`+erasedAddress+`"`)})
	w.Ingest()
	got := call(t, w.environment(), erasedAddress+"\n", "erase", "--email", "-")
	if got.code != exitFailed || !strings.Contains(got.stderr, "several users have this address (2)") || !strings.Contains(got.stderr, "canary-user-2") {
		t.Fatalf("two users: %+v", got)
	}
	w.run("", "erase", "--user", "canary-user-2", "--by", "x", "--why", "x", "--wait", "0s", "--execute")
	if left := w.scan("family-sub"); len(left) > 0 {
		t.Errorf("the second user is in %v", left)
	}
	if len(w.scan(erasedUser)) == 0 {
		t.Error("the first user is gone with the second")
	}
	w.run(" "+strings.ToUpper(erasedAddress)+"\n", "erase", "--email", "-", "--by", "x", "--why", "x", "--wait", "0s", "--execute")
	w.wantNothing("after an erasure by address")
}

// TestErase_BesideAConsumer erases while messages of the person keep arriving.
func TestErase_BesideAConsumer(t *testing.T) {
	tier.Full(t, "runs a consumer meanwhile")
	w := newErasureWalk(t, "native")
	one := w.Serve()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	produced := make(chan int, 1)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			w.produce([]string{eventOf(1+n%9, "Renewed", fmt.Sprintf(`"subscription_id":"canary-sub-1","user_id":"%s","event_name":"%d"`, erasedUser, n)), messagesOfThePerson()[n%10], messagesOfOthers()[n%3]})
		}
		produced <- n
	}()
	arguments := slices.Clone(eraseArguments)
	arguments[slices.Index(arguments, "200ms")] = "3s"
	w.run("", arguments...)
	stop()
	if n := <-produced; n == 0 {
		t.Fatal("nothing was produced meanwhile")
	}
	w.AwaitCommitted(one.Run)
	if one.Metric("pianola_suppressed_messages_total") == 0 {
		t.Error("the consumer has not learned of the list")
	}
	one.Drain()
	w.wantNothing("beside a consumer")
	w.wantCleanAudit("beside a consumer")
}

// TestErase_KilledBetweenSteps kills the process by SIGKILL while it waits, and while it
// deletes; the same command completes the erasure.
func TestErase_KilledBetweenSteps(t *testing.T) {
	tier.Full(t, "kills processes")
	w := newErasureWalk(t, "native")
	binary := build(t)
	arguments := slices.Clone(eraseArguments)
	arguments[slices.Index(arguments, "200ms")] = "1h"
	listed := func() bool {
		var n uint64
		w.One("SELECT count() FROM suppressions", &n)
		return n > 0
	}
	p := startArgs(t, binary, w.environment(), arguments...)
	p.until(t, "the list", listed)
	_ = p.Stop()
	if len(w.scan(erasedUser)) == 0 {
		t.Fatal("nothing is left to erase")
	}
	// The rows that lead from the user to the subscriptions are gone, as after a kill in the
	// middle of the deletions.
	w.Exec("ALTER TABLE subscription_events DELETE WHERE user_id = '" + erasedUser + "' SETTINGS mutations_sync = 2")
	w.Exec("ALTER TABLE actions_log DELETE WHERE 1 SETTINGS mutations_sync = 2")
	got := w.run("", eraseArguments...)
	if !strings.Contains(got.stdout, `"resumes"`) {
		t.Errorf("it does not continue: %s", got.stdout)
	}
	for _, id := range erasedIDs(t) {
		if with := w.scan(id); len(with) > 0 {
			t.Errorf("%s is in %v", id, with)
		}
	}
	var rows, erasures uint64
	w.One("SELECT count() FROM erasure_targets", &rows)
	w.One("SELECT count() FROM erasures FINAL", &erasures)
	if rows != 0 || erasures != 1 {
		t.Errorf("%d targets are left, %d erasures", rows, erasures)
	}
}

func TestErase_Usage(t *testing.T) {
	key := []string{"PIANOLA_CLICKHOUSE_ADDR=127.0.0.1:1", "PIANOLA_ERASURE_KEY=" + erasureSecret}
	for name, c := range map[string]struct {
		environment []string
		stdin       string
		args        []string
		code        int
		says        string
	}{
		"nobody":               {key, "", nil, exitUsage, "give --user or --email -"},
		"both":                 {key, "", []string{"--user", "u", "--email", "-"}, exitUsage, "give --user or --email -"},
		"an address as a flag": {key, "", []string{"--email", erasedAddress}, exitUsage, "use --email - and standard input"},
		"no address":           {key, "nobody\n", []string{"--email", "-"}, exitUsage, "standard input is not one address"},
		"no input":             {key, "\n", []string{"--email", "-"}, exitUsage, "--email: standard input is empty"},
		"two addresses":        {key, erasedAddress + "\nother@example.com\n", []string{"--email", "-"}, exitUsage, "--email: standard input has more than one line"},
		"a secret in a URL":    {key, "", []string{"--user", "u", "--exports", "s3://key:hunter2@bucket/lake"}, exitUsage, "--exports: to: a URL must not contain credentials"},
		"nobody asks":          {key, "", []string{"--user", "u", "--execute"}, exitUsage, "--by: --execute needs it"},
		"no key":               {key[:1], "", []string{"--user", "u"}, exitConfiguration, "erasure.key: is empty"},
		"a short key":          {append(key[:1:1], "PIANOLA_ERASURE_KEY=hunter2"), "", []string{"--user", "u"}, exitConfiguration, "erasure.key: is shorter than 32 characters"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			got := call(t, c.environment, c.stdin, append([]string{"erase"}, c.args...)...)
			if got.code != c.code || !strings.Contains(got.stderr, c.says) || strings.Contains(got.stderr, "hunter2") || strings.Contains(got.stderr, erasedAddress) {
				t.Errorf("exit status %d: %s", got.code, got.stderr)
			}
		})
	}
}

// TestPurgeInternal_RemovesWhatViewsHide purges a subscription whose newest message has the
// flag, and one whose user is configured.
func TestPurgeInternal_RemovesWhatViewsHide(t *testing.T) {
	tier.Full(t, "ingests messages")
	w := &erasureWalk{Fixture: testbed.Start(t).Fixture(t, testbed.Config{Protocol: "native", State: true})}
	w.Settings.Erasure.Key = erasureSecret
	w.produce([]string{
		eventOf(1, "Created", `"subscription_id":"flagged-sub","user_id":"flagged-user"`),
		eventOf(2, "Renewed", `"subscription_id":"flagged-sub","user_id":"flagged-user"`),
		eventOf(3, "Renewed", `"subscription_id":"flagged-sub","user_id":"flagged-user","is_internal_user":true`),
		eventOf(1, "Created", `"subscription_id":"listed-sub","user_id":"listed-user"`),
		eventOf(1, "Created", `"subscription_id":"other-sub","user_id":"other-user"`),
		eventOf(1, "Created", `"subscription_id":"once-sub","user_id":"other-user","is_internal_user":true`),
		eventOf(2, "Renewed", `"subscription_id":"once-sub","user_id":"other-user"`),
	})
	w.Ingest()
	for _, one := range []string{"flagged", "listed", "other"} {
		w.Exec("INSERT INTO subscription_snapshots (snapshot_id, subscription_id, user_id) SELECT '00000000-0000-0000-0000-000000000001', '" + one + "-sub', '" + one + "-user'")
		w.Exec("INSERT INTO drift (kind, subscription_id) SELECT 'status', '" + one + "-sub'")
	}
	w.Exec("INSERT INTO subscription_snapshots (snapshot_id, subscription_id, filtered) SELECT '00000000-0000-0000-0000-000000000002', 'flagged-sub', true")
	w.Settings.Transform.InternalUserIDs = []string{"listed-user"}
	plan := w.run("", "purge-internal")
	if !strings.Contains(plan.stdout, "subscriptions: 2") || !strings.Contains(plan.stdout, "dry run") || len(w.scan("flagged-user")) == 0 {
		t.Errorf("plan: %s", plan.stdout)
	}
	w.run("", "purge-internal", "--by", "J. Doe", "--why", "staff accounts", "--execute")
	for text, want := range map[string][]string{
		"flagged-user": nil, "listed-user": nil,
		"flagged-sub": {"filtered_subscriptions", "subscription_snapshots"}, "listed-sub": {"filtered_subscriptions"},
		"other-user": {"subscription_events", "subscription_snapshots"}, "once-sub": {"filtered_subscriptions", "subscription_events"},
	} {
		got := w.scan(text)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s is in %v, want %v", text, got, want)
		}
	}
	var internal []string
	w.One("SELECT arraySort(groupArray(subscription_id)) FROM internal_subscriptions", &internal)
	if !slices.Equal(internal, []string{"flagged-sub", "listed-sub"}) {
		t.Errorf("internal are %v", internal)
	}
	var entries uint64
	w.One("SELECT count() FROM suppressions", &entries)
	if entries != 0 {
		t.Errorf("%d entries on the suppression list", entries)
	}
	w.wantCleanAudit("after the purge")
	w.Settings.Transform.InternalUserIDs = nil
	w.wantCleanAudit("after the purge, without the configured user")
	w.Exec("ALTER TABLE erasures DELETE WHERE 1 SETTINGS mutations_sync = 2")
	if got := w.run("", "audit", "--deep"); got.code != exitFound || !strings.Contains(got.stdout, "earlier rules") {
		t.Errorf("without the account of the purge the events are missing: %s", got.stdout)
	}
}
