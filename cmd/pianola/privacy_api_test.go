package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/loopback"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/internal/service"
)

// TestPrivacy_NoPersonalDataFromTheAPI reconciles with an API and with files that
// contain addresses, names and the token in every place, and that fail in every way. It
// searches all output of the binary for them: tables, log, pages and results.
func TestPrivacy_NoPersonalDataFromTheAPI(t *testing.T) {
	tier.Full(t, "runs every command")
	binary := build(t)
	for _, protocol := range []string{"native", "http"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			walkAPI(t, binary, protocol)
		})
	}
}

func walkAPI(t *testing.T, binary, protocol string) {
	s := services(t).Fixture(t, testbed.Config{Protocol: protocol})
	api := startPersonalAPI(t)
	listen, err := loopback.FreeAddr()
	s.Must(err)
	s.Settings.HTTP.Listen = listen
	environment := append(environment(s.Settings), append(api.environment(), "PIANOLA_LOG_LEVEL=debug")...)
	send(s, []string{
		event(map[string]string{"subscription_action": `"Created"`, "term_type": `"payment"`, "user_id": `"` + content + `"`, "next_billed_at": `"2027-01-05"`}),
		event(map[string]string{"subscription_id": `"` + content + ` gone"`, "subscription_action": `"Created"`}),
	})
	shows := func(metric string) func() bool {
		return func() bool {
			_, metrics := get(t, listen, "/metrics")
			return strings.Contains(metrics, metric)
		}
	}

	// By itself, inside of run: once as it should be, and once not.
	p := start(t, binary, environment)
	p.until(t, "what a reconciliation found", shows(`pianola_drift_open{kind="user_id",severity="drift"} 1`))
	lookAtService(t, p, listen, `pianola_reconciliations_total{outcome="complete"} 1`, `pianola_piano_requests_total{endpoint="/publisher/subscription/get",outcome="done",status="2xx"}`)
	tables := clean(t, "tables", dump(s), leak)
	for _, want := range []string{content + "-2", "sha256:", "user_id", "missing_in_stream", "missing_in_api"} {
		if !strings.Contains(tables, want) {
			t.Errorf("the tables have no %q: nothing that was read is there to be looked at", want)
		}
	}
	s.Exec("TRUNCATE TABLE reconciliation_runs")
	api.goWrong("refused")
	p = start(t, binary, environment)
	p.until(t, "a reconciliation that fails", shows(`pianola_reconciliations_total{outcome="failed"} 1`))
	lookAtService(t, p, listen, `outcome="refused"`)

	// By hand.
	api.goWrong("")
	for _, args := range [][]string{{"reconcile"}, {"reconcile", "--json"}, {"config", "validate", "--connect"}, {"config", "show", "--json"}} {
		got := call(t, environment, "", args...)
		clean(t, strings.Join(args, " "), both(got), leak)
		if args[0] == "reconcile" && got.code != exitFound {
			t.Errorf("no drift: %+v", got)
		}
	}
	ways, logs := slices.Sorted(maps.Keys(wrongAnswers())), wrongLogs()
	if protocol == "http" { // the way to ClickHouse has no part in most of it
		ways = []string{"refused"}
		maps.DeleteFunc(logs, func(name, _ string) bool { return name != "a date" })
	}
	for _, way := range ways {
		api.goWrong(way)
		got := call(t, environment, "", "reconcile")
		if got.code != exitFailed {
			t.Errorf("the API answers with %s, and the status is %d: %s", way, got.code, got.stderr)
		}
		clean(t, "reconcile, "+way, both(got), leak)
		if way == "refused" && !strings.Contains(got.stderr, "code 2999") {
			t.Errorf("the error does not say what Piano said: %s", got.stderr)
		}
		api.goWrong("get " + way)
		clean(t, "reconcile, then "+way, both(call(t, environment, "", "reconcile")), leak)
	}
	api.goWrong("")

	// From files.
	asOf := time.Now().UTC().Format(time.RFC3339Nano)
	got := call(t, environment, "", "reconcile", "--as-of", asOf, "--csv", write(t, "log.csv", personalLog()))
	if got.code != exitFound {
		t.Errorf("a file: %+v", got)
	}
	clean(t, "reconcile --csv", both(got), leak)
	for name, log := range logs {
		got := call(t, environment, "", "reconcile", "--as-of", asOf, "--csv", write(t, "log.csv", log))
		if got.code != exitFailed {
			t.Errorf("%s in a file, and the status is %d: %s", name, got.code, got.stderr)
		}
		clean(t, "reconcile --csv, "+name, both(got), leak)
	}

	tables = clean(t, "tables", dump(s), leak)
	for _, want := range []string{content + "-csv-", "code 2999"} {
		if !strings.Contains(tables, want) {
			t.Errorf("the tables have no %q: nothing that was read is there to be looked at", want)
		}
	}
	for _, endpoint := range []string{"list", "get"} {
		if api.asked[endpoint] == 0 {
			t.Errorf("nothing was asked of %s", endpoint)
		}
	}
}

// lookAtService looks at the pages, ends the process, and looks at its log; pages
// hold some of what was wanted.
func lookAtService(t *testing.T, p *process, listen string, want ...string) {
	t.Helper()
	p.until(t, "ready", func() bool { status, _ := get(t, listen, "/readyz"); return status == http.StatusOK })
	var pages strings.Builder
	for _, page := range []string{"/metrics", "/readyz", "/livez"} {
		status, body := get(t, listen, page)
		clean(t, page, body, leak, content)
		fmt.Fprint(&pages, body)
		if status != http.StatusOK {
			t.Errorf("%s: status %d: %s", page, status, body)
		}
	}
	for _, one := range want {
		if !strings.Contains(pages.String(), one) {
			t.Errorf("the pages do not have %q", one)
		}
	}
	p.drain(t)
	log := clean(t, "log", p.output.String(), leak, content)
	if !strings.Contains(log, service.LogReconcileStarted) {
		t.Errorf("the log says nothing of it: %s", log)
	}
}
