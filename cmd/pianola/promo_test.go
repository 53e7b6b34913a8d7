package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/promo/conversion"
	"github.com/pianola/pianola/internal/promo/experiment"
	"github.com/pianola/pianola/internal/promo/promotion"
	"github.com/pianola/pianola/internal/promo/segment"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/care"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// promoWorld is a simulated year with its Piano, and the state of its subscriptions.
type promoWorld struct {
	*testbed.Fixture
	t        *testing.T
	settings []string
}

func newPromoWorld(t *testing.T) promoWorld {
	t.Helper()
	s := services(t).Fixture(t, testbed.Config{Protocol: "native", Seed: 5, Subscribers: 300, State: true})
	s.Publish()
	s.Ingest()
	publisher := pianoapi.NewPublisher(s.World, s.World.Truth(), pianoapi.PublisherConfig{Seed: 1})
	api, err := pianoapi.Start(pianoapi.Config{Faults: pianoapi.Faults{Seed: 1, Share: 0.02}}, care.New(publisher, care.Config{Seed: 1}))
	s.Must(err)
	t.Cleanup(func() {
		if err := api.Close(); err != nil {
			t.Error(err)
		}
	})
	w := promoWorld{s, t, append(environment(s.Settings), simulated{api, publisher}.environment()...)}
	w.run("reconcile") // for the list prices
	s.RefreshState()
	return w
}

// run runs a command that must succeed, or exit with one of the statuses.
func (w promoWorld) run(args ...string) string {
	w.Helper()
	got := call(w.t, w.settings, "", args...)
	if got.code != exitDone && (got.code != exitFound || args[0] != "reconcile") {
		w.Fatalf("%v: %+v", args, got)
	}
	return got.stdout
}

// read is run with --json.
func read[T any](w promoWorld, args ...string) (value T) {
	w.Helper()
	text := w.run(append(args, "--json")...)
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		w.Fatalf("%v: %v\n%s", args, err, text)
	}
	return value
}

// TestPromo_AgainstTheSimulatedPiano runs every command of promo against a simulated year.
func TestPromo_AgainstTheSimulatedPiano(t *testing.T) {
	tier.Full(t, "ingests a year")
	w := newPromoWorld(t)

	promotions := read[[]promotion.Promotion](w, "promo", "list")
	type codes struct {
		Counts map[promotion.State]int
		Codes  []promotion.Code
	}
	used, reserved := map[string]int{}, map[string]int{}
	for _, p := range promotions {
		listed := read[codes](w, "promo", "codes", "--promotion", p.ID)
		used[p.ID], reserved[p.ID] = listed.Counts[promotion.Used], listed.Counts[promotion.ReservedTrial]+listed.Counts[promotion.ReservedPayment]
		for _, c := range listed.Codes {
			if c.State != promotion.Used && !strings.Contains(c.Text, "•") {
				t.Errorf("a code that nobody has used is shown: %+v", c)
			}
		}
	}
	if len(promotions) < 4 || used[promotions[0].ID] == 0 {
		t.Fatalf("%+v, used %v", promotions, used)
	}

	// What Piano has redeemed is what the report says, plan changes and other terms left out.
	w.run("promo", "sync")
	again := read[conversion.SyncReport](w, "promo", "sync")
	if again.Versions != 0 || again.Unreadable != 0 {
		t.Errorf("the second read: %+v", again)
	}
	r := read[conversion.Report](w, "promo", "report")
	redeemed := map[string]int{}
	for _, p := range r.Promotions {
		redeemed[p.ID] += int(p.Redeemed)
		if p.Due+p.NotYetDue+p.WithoutStepUp != p.Redeemed || p.FullPrice > p.Due || p.Lost > p.Reached || p.Reached > p.Due {
			t.Errorf("%+v", p)
		}
	}
	for _, p := range promotions {
		// Internal users and terms that do not count have codes too. Of some payments the stream
		// has charges that Piano still waits for.
		if got := redeemed[p.ID]; got > used[p.ID]+reserved[p.ID] || got < used[p.ID]*6/10 {
			t.Errorf("%s: %d redeemed, and Piano has %d used and %d reserved", p.Name, got, used[p.ID], reserved[p.ID])
		}
	}
	for _, column := range []string{"promo_conversions", "promotion_rules", "segment_members", "actions_log"} {
		var leaks uint64
		w.One("SELECT count() FROM "+column+" WHERE match(toString(tuple(*)), 'CanaryFirst|CanaryLast|kanarie|@')", &leaks)
		if leaks > 0 {
			t.Errorf("%s holds something personal in %d rows", column, leaks)
		}
	}
	var unused uint64
	w.One("SELECT count() FROM promo_conversions FINAL WHERE promo_code != '' AND code_state != 'used'", &unused)
	if unused > 0 {
		t.Errorf("%d codes are stored that nobody has used", unused)
	}

	// Create, read back, refuse a second one.
	create := []string{"promo", "create", "--name", "Autumn", "--percent", "30", "--periods", "2", "--prefix", "AUTUMN-", "--never-zero"}
	if plan := read[promotion.Report](w, create...); plan.Outcome != promotion.Planned {
		t.Errorf("%+v", plan)
	}
	made := read[promotion.Report](w, append(create, "--execute", "--actor", "test")...)
	if made.Outcome != promotion.Done || len(made.Differences) > 0 {
		t.Fatalf("%+v", made)
	}
	if got := call(t, w.settings, "", append(create, "--execute")...); got.code != exitFound {
		t.Errorf("a second one: %+v", got)
	}
	// A code that works once is on no command line, and in no output.
	once := []string{"promo", "create", "--name", "Once", "--percent", "10", "--uses", "1", "--json", "--code"}
	if got := call(t, w.settings, "", append(once, "ONCE-PLAIN")...); got.code != exitUsage || !strings.Contains(got.stderr, "standard input") {
		t.Errorf("a code on the command line: %+v", got)
	}
	if got := call(t, w.settings, "ONCE-PLAIN\n", append(once, "-", "--execute")...); got.code != exitDone || strings.Contains(got.stdout+got.stderr, "ONCE-PLAIN") {
		t.Errorf("a code of standard input: %+v", got)
	}
	if list := w.run("promo", "list", "--json"); strings.Contains(list, "ONCE-PLAIN") || !strings.Contains(list, "ON••••••••") {
		t.Errorf("the list shows a code that works once: %s", list)
	}
	generated := read[promotion.Report](w, "promo", "generate", "--promotion", made.Promotion.ID, "--number", "12", "--prefix", "AUTUMN-", "--execute")
	if generated.Outcome != promotion.Done || generated.CodesAfter[promotion.Active] != 12 {
		t.Errorf("%+v", generated)
	}
	fixed := read[promotion.Report](w, "promo", "create", "--name", "Amounts", "--amount", "EUR=2.50", "--amount", "DKK=20", "--code", "AMOUNTS", "--scope", "include", "--terms", "TMPAY00", "--execute")
	if fixed.Outcome != promotion.Done {
		t.Errorf("%+v", fixed)
	}
	if got := call(t, w.settings, "ONE-CODE\n", "promo", "generate", "--promotion", made.Promotion.ID, "--code", "-", "--execute"); got.code != exitDone || strings.Contains(got.stdout+got.stderr, "ONE-CODE") {
		t.Errorf("%+v", got)
	}
	var steps uint64
	w.One("SELECT count() FROM actions_log WHERE action LIKE 'promo_%' AND step = 'asked'", &steps)
	if steps < 4 {
		t.Errorf("%d requests are in actions_log", steps)
	}

	// Segments and an experiment.
	preview := read[[]struct{ Users uint64 }](w, "promo", "segment", "preview", "ended?days=3650")
	runs := read[[]segment.Run](w, "promo", "segment", "refresh", "ended?days=3650", "at_risk")
	if len(runs) != 2 || runs[0].Users != preview[0].Users || runs[0].Users == 0 {
		t.Fatalf("%+v, preview %+v", runs, preview)
	}
	file := filepath.Join(t.TempDir(), "ended.csv")
	w.run("promo", "segment", "export", "ended?days=3650", "--to", file)
	text, err := os.ReadFile(file)
	w.Must(err)
	rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(rows) != int(runs[0].Users)+1 {
		t.Errorf("%d rows for %d users, %v", len(rows), runs[0].Users, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the file: %v, %v", info.Mode(), err)
	}
	w.run("promo", "experiment", "create", "winback", "--segment", "ended?days=3650", "--arm", "control:1", "--arm", "half:1:"+made.Promotion.ID, "--baseline", "0.02", "--target", "0.2", "--execute")
	done := read[experiment.Assignment](w, "promo", "experiment", "assign", "winback", "--refresh", "--execute")
	if done.Arms[0].Added+done.Arms[1].Added != runs[0].Users {
		t.Errorf("%+v", done)
	}
	ids := w.run("promo", "experiment", "export", "winback", "--arm", "half", "--format", "ids", "--to", "-")
	if strings.Count(ids, "\n") != int(done.Arms[1].Added) {
		t.Errorf("%d ids of %d", strings.Count(ids, "\n"), done.Arms[1].Added)
	}
	if report := read[experiment.Report](w, "promo", "experiment", "report", "winback"); report.Conversion.Verdict != experiment.NotEnough {
		t.Errorf("%+v", report)
	}
	for _, args := range [][]string{{"promo", "segment", "runs"}, {"promo", "experiment", "list"}, {"promo", "experiment", "report", "winback"}, {"promo", "report"}, {"promo", "list"}, {"promo", "segment", "list"}} {
		if w.run(args...) == "" {
			t.Errorf("%v prints nothing", args)
		}
	}
	w.schedule()
}

// schedule lets pianola run materialise segments and read conversions.
func (w promoWorld) schedule() {
	w.Helper()
	w.Exec("TRUNCATE TABLE promo_conversions")
	var stderr bytes.Buffer
	service := testbed.Go(w.t, func(ctx context.Context) error {
		code := run(ctx, []string{"run"}, strings.NewReader(""), io.Discard, &stderr,
			append(w.settings, "PIANOLA_PROMO_SEGMENTS=payment_failing?failures=1,ended?days=90", "PIANOLA_PROMO_CONVERSIONS=true", "PIANOLA_RECONCILE_INTERVAL=0"))
		if code != exitDone {
			return fmt.Errorf("exit status %d: %s", code, stderr.String())
		}
		return nil
	})
	w.Must(testbed.Await(w.Context(), "two segments and the conversions", func() (bool, error) {
		var segments, conversions uint64
		w.One("SELECT uniqExact(segment) FROM segment_runs FINAL WHERE state = 'complete' AND segment IN ('payment_failing?failures=1', 'ended?days=90')", &segments)
		w.One("SELECT count() FROM promo_conversions", &conversions)
		return segments == 2 && conversions > 0, service.Ended()
	}))
	w.Must(service.Stop())
}

func TestPromo_CommandLine(t *testing.T) {
	for want, args := range map[string][]string{
		"--code: codes are not given on the command line": {"snippet", "--offer", "OF1", "--term", "TM1", "--code", "SECRET", "--audience", "x"},
		"give --number or --code":                         {"generate", "--promotion", "PR1"},
		"amounts: want an amount":                         {"create", "--name", "x"},
		"scope: want one of all":                          {"create", "--name", "x", "--percent", "5", "--scope", "nothing"},
		"percent: want a number":                          {"create", "--name", "x", "--percent", "much"},
		"there is no such segment":                        {"segment", "preview", "everybody"},
		"give --to":                                       {"segment", "export", "ended"},
		"--arm: the weight is a whole number":             {"experiment", "create", "x", "--segment", "ended", "--arm", "control:many"},
		"target: is the baseline":                         {"experiment", "size", "--baseline", "0.1", "--target", "0.1"},
	} {
		got := call(t, nil, "", append([]string{"promo"}, args...)...)
		if got.code != exitUsage || !strings.Contains(got.stderr, want) || strings.Contains(got.stderr, "SECRET") {
			t.Errorf("%v: %+v, want %q", args, got, want)
		}
	}
	got := call(t, nil, "SPRING20\n", "promo", "snippet", "--offer", "OF1", "--term", "TM1", "--code", "-", "--audience", "ended?days=30")
	if got.code != exitDone || !strings.Contains(got.stdout, `var offer = {"offerId":"OF1","termId":"TM1","promoCode":"SPRING20"};`) {
		t.Errorf("%+v", got)
	}
	if got := call(t, nil, "", "promo", "experiment", "size", "--baseline", "0.02", "--target", "0.025"); got.code != exitDone || !strings.Contains(got.stdout, "control arm: 13809 people") {
		t.Errorf("%+v", got)
	}
}

// TestReplaceFile: a failed write leaves the file that was there, and no other one.
func TestReplaceFile(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "ids.txt")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	if err := replaceFile(file, func(io.Writer) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	taken := filepath.Join(directory, "taken") // a directory with something in it cannot be replaced
	if err := os.MkdirAll(filepath.Join(taken, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(taken, func(io.Writer) error { return nil }); err == nil {
		t.Error("a directory was replaced")
	}
	text, err := os.ReadFile(file)
	if left, _ := filepath.Glob(filepath.Join(directory, ".pianola-*")); err != nil || string(text) != "old" || len(left) > 0 {
		t.Errorf("%q, %v, left over: %q", text, err, left)
	}
}
