package actions_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano"
)

// TestResume_DryRun shows what can be resumed and how: nothing is
// asked for, and no database is needed.
func TestResume_DryRun(t *testing.T) {
	for name, c := range map[string]struct {
		one   record
		want  actions.Outcome
		asks  string
		whyIs string
	}{
		"dynamic":                   {one: of("S", "u", "dynamic", record{"can_be_resumed": true}), want: actions.Planned, asks: resume},
		"dynamic_ended":             {one: of("S", "u", "dynamic", record{"can_be_resumed": true, "status": "expired"}), want: actions.Planned, asks: resume},
		"dynamic_not_told":          {one: of("S", "u", "dynamic", nil), want: actions.Planned, asks: resume},
		"dynamic_not":               {one: of("S", "u", "dynamic", record{"can_be_resumed": false}), want: actions.Refused, whyIs: "cannot be resumed"},
		"dynamic_renews":            {one: of("S", "u", "dynamic", record{"can_be_resumed": false, "auto_renew": true}), want: actions.Done, whyIs: "renews by itself"},
		"dynamic_deferred":          {one: of("S", "u", "dynamic", record{"can_be_resumed": true, "auto_renew": true}), want: actions.Planned, asks: resume},
		"payment":                   {one: of("S", "u", "payment", record{"auto_renew_change_enabled": true, "can_be_resumed": false}), want: actions.Planned, asks: update},
		"payment_not_told":          {one: of("S", "u", "payment", nil), want: actions.Planned, asks: update},
		"payment_not":               {one: of("S", "u", "payment", record{"auto_renew_change_enabled": false}), want: actions.Refused, whyIs: "cannot be changed"},
		"payment_not_by_the_other":  {one: of("S", "u", "payment", record{"can_be_resumed": false}), want: actions.Refused, whyIs: "cannot be resumed"},
		"payment_ended":             {one: of("S", "u", "payment", record{"status": "cancelled", "auto_renew_change_enabled": true}), want: actions.Refused, whyIs: "has ended (cancelled)"},
		"payment_ended_yet_renews":  {one: of("S", "u", "payment", record{"status": "expired", "auto_renew": true}), want: actions.Refused, whyIs: "has ended"},
		"payment_renews":            {one: of("S", "u", "payment", record{"auto_renew": true}), want: actions.Done, whyIs: "renews by itself"},
		"payment_fails_and_retries": {one: of("S", "u", "payment", record{"status": "fail_and_retry"}), want: actions.Planned, asks: update},
		"gift":                      {one: of("S", "u", "gift", record{"can_be_resumed": true}), want: actions.Refused, whyIs: "type gift"},
	} {
		s := setUp(t, c.one)
		r, err := s.actions(nil).Resume(t.Context(), "S", "u", false)
		if err != nil || r.Outcome != c.want || !strings.Contains(r.Why, c.whyIs) || r.Executed || len(r.Steps) > 0 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if asks := ""; r.Request != nil {
			if asks = r.Request.Endpoint; asks != c.asks {
				t.Errorf("%s: would ask %s", name, asks)
			}
		} else if c.asks != "" {
			t.Errorf("%s: would ask nothing", name)
		}
		if n := s.times(resume) + s.times(update); n > 0 {
			t.Errorf("%s: a dry run has asked", name)
		}
		s.leaks(r, err)
	}
}

func TestResume_IsWrittenDownBeforeItIsAsked(t *testing.T) {
	for endpoint, one := range map[string]record{
		resume: of("S", "u", "dynamic", record{"can_be_resumed": true}),
		update: of("S", "u", "payment", record{"auto_renew_change_enabled": true}),
	} {
		s := setUp(t, one)
		last := endpoint[strings.LastIndex(endpoint, "/")+1:]
		s.before[endpoint] = func(http.ResponseWriter, *http.Request) bool {
			if got := s.rows(); got != "asked "+last {
				t.Errorf("when asked, actions_log has %q", got)
			}
			return false
		}
		r, err := s.actions(s.conn).Resume(t.Context(), "S", "", true)
		if err != nil || r.Outcome != actions.Done || one["auto_renew"] != true || s.times(endpoint) != 1 {
			t.Errorf("%+v, %v", r, err)
		}
		if got, want := s.rows(), "asked "+last+", answered "+last+" done, final done"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		var row string
		s.must(s.conn.QueryRow(t.Context(), `SELECT toString((action, subscription_id, user_id, from_term, to_term, instance, count(), uniq(action_id), any(actor) LIKE 'support sha256:%'))
FROM `+s.tables.Table("actions_log")+` GROUP BY ALL`).Scan(&row))
		if row != "('resume','S','u','','','test',3,1,1)" {
			t.Errorf("got %s", row)
		}
		// Again: it looks first, and there is nothing left to do.
		if r, err := s.actions(s.conn).Resume(t.Context(), "S", "", true); err != nil || r.Outcome != actions.Done || s.times(endpoint) != 1 {
			t.Errorf("again: %+v, %v", r, err)
		}
		s.leaks(r, err)
	}
}

func TestResume_FindsTheSubscriptionOfAUser(t *testing.T) {
	strangers := of("X", "somebody", "dynamic", record{"can_be_resumed": true})
	good := record{"can_be_resumed": true}
	for name, c := range map[string]struct {
		all        []record
		want       actions.Outcome
		id, whyIs  string
		candidates int
	}{
		"none":        {want: actions.Refused, whyIs: "no subscription of the user"},
		"one":         {all: []record{of("A", "u", "dynamic", good)}, want: actions.Planned, id: "A", candidates: 1},
		"one_of_two":  {all: []record{of("A", "u", "gift", good), of("B", "u", "payment", nil)}, want: actions.Planned, id: "B", candidates: 2},
		"several":     {all: []record{of("A", "u", "dynamic", good), of("B", "u", "payment", nil)}, want: actions.Refused, whyIs: "2 subscriptions of the user can be resumed: name one with --subscription", candidates: 2},
		"nothing_can": {all: []record{of("A", "u", "gift", good), of("B", "u", "payment", record{"status": "expired"})}, want: actions.Refused, whyIs: "none of the user's 2", candidates: 2},
		"renews":      {all: []record{of("A", "u", "gift", good), of("B", "u", "payment", record{"auto_renew": true})}, want: actions.Done, id: "B", whyIs: "renews by itself", candidates: 2},
	} {
		s := setUp(t, append(c.all, strangers)...)
		r, err := s.actions(nil).Resume(t.Context(), "", "u", false)
		if err != nil || r.Outcome != c.want || !strings.Contains(r.Why, c.whyIs) || len(r.Candidates) != c.candidates {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if id := ""; r.Subscription != nil {
			if id = r.Subscription.ID; id != c.id {
				t.Errorf("%s: settled on %s", name, id)
			}
		} else if c.id != "" {
			t.Errorf("%s: settled on none", name)
		}
	}
	var many []record
	for i := range 51 {
		many = append(many, of(fmt.Sprint("A", i), "u", "dynamic", good))
	}
	s := setUp(t, many...)
	if r, err := s.actions(nil).Resume(t.Context(), "", "u", false); err != nil || r.Outcome != actions.Refused || !strings.Contains(r.Why, "more than 50") || s.times("/publisher/subscription/get") > 0 {
		t.Errorf("too many: %+v, %v", r, err)
	}
	s = setUp(t, of("A", "u", "dynamic", good), of("B", "u", "dynamic", good))
	s.before["/publisher/subscription/get"] = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Form.Get("subscription_id") == "A" {
			given(w, of("A", "somebody", "dynamic", good))
			return true
		}
		code(w, 8005, "gone")
		return true
	}
	if r, err := s.actions(nil).Resume(t.Context(), "", "u", false); err != nil || r.Outcome != actions.Refused || len(r.Candidates) != 2 ||
		!strings.Contains(r.Candidates[0].Why, "names another") || !strings.Contains(r.Candidates[1].Why, "gone") {
		t.Errorf("neither is his any more: %+v, %v", r, err)
	}
	s = setUp(t, of("A", "u", "dynamic", good), strangers)
	s.unfiltered = true
	r, err := s.actions(s.conn).Resume(t.Context(), "", "u", true)
	if !errors.Is(err, piano.ErrUnfiltered) || !strings.Contains(r.Why, "--subscription") || r.Outcome != actions.Failed || s.times(resume) > 0 || s.rows() != "final failed" {
		t.Errorf("an API that lists everybody's: %+v, %v", r, err)
	}
	s = setUp(t, of("A", "u", "dynamic", good))
	if r, err := s.actions(s.conn).Resume(t.Context(), "A", "another", true); err != nil || r.Outcome != actions.Refused || !strings.Contains(r.Why, "another user's") {
		t.Errorf("not his: %+v, %v", r, err)
	}
	s.subscriptions[0]["user"] = nil
	if r, err := s.actions(nil).Resume(t.Context(), "A", "u", false); err != nil || r.Outcome != actions.Refused || !strings.Contains(r.Why, "cannot be checked: leave it out") {
		t.Errorf("nobody's: %+v, %v", r, err)
	}
	s.subscriptions[0]["user"] = map[string]any{"uid": "u"}
	if r, err := s.actions(s.conn).Resume(t.Context(), "nowhere", "", true); err != nil || r.Outcome != actions.Refused || !strings.Contains(r.Why, "no such subscription") {
		t.Errorf("not there: %+v, %v", r, err)
	}
	if s.times(resume) > 0 || s.rows() != "final refused, final refused" {
		t.Errorf("got %q", s.rows())
	}
	r, err = s.actions(s.conn).Resume(t.Context(), "", "u", true)
	if err != nil || r.Outcome != actions.Done || s.times(resume) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestResume_ALostAnswerIsLookedFor(t *testing.T) {
	for name, c := range map[string]struct {
		done      bool
		look      bool // the subscription can be looked at afterwards
		want      actions.Outcome
		rows      string
		isUnknown bool
	}{
		"it_was_done":    {done: true, look: true, want: actions.Done, rows: "asked resume, unknown resume unknown, looked get done, final done"},
		"it_was_not":     {look: true, want: actions.Unknown, rows: "asked resume, unknown resume unknown, looked get unknown, final unknown", isUnknown: true},
		"nobody_can_say": {done: true, want: actions.Unknown, rows: "asked resume, unknown resume unknown, looked get unknown, final unknown", isUnknown: true},
	} {
		one := of("S", "u", "dynamic", record{"can_be_resumed": true})
		s := setUp(t, one)
		s.before[resume] = func(w http.ResponseWriter, _ *http.Request) bool {
			if c.done {
				s.resumed(one)
			}
			if !c.look {
				s.before["/publisher/subscription/get"] = func(w http.ResponseWriter, _ *http.Request) bool { return lost(w) }
			}
			return lost(w)
		}
		r, err := s.actions(s.conn).Resume(t.Context(), "S", "", true)
		if r.Outcome != c.want || errors.Is(err, piano.ErrOutcomeUnknown) != c.isUnknown || !c.isUnknown && err != nil {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if s.times(resume) != 1 {
			t.Errorf("%s: asked %d times", name, s.times(resume))
		}
		if got := s.rows(); got != c.rows {
			t.Errorf("%s: got %q, want %q", name, got, c.rows)
		}
		s.leaks(r, err)
	}
}

func TestResume_Refused(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter)
		want   actions.Outcome
		rows   string
	}{
		"by_code": {func(w http.ResponseWriter) { code(w, 8002, "Not canary@example.com") }, actions.Refused, "asked resume, answered resume refused 8002, final refused"},
		"by_a_code_that_nobody_knows": {func(w http.ResponseWriter) { code(w, 5000, "timed out") }, actions.Unknown,
			"asked resume, unknown resume unknown 5000, looked get unknown, final unknown 5000"},
		"by_accepted": {func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) }, actions.Unknown,
			"asked resume, unknown resume unknown, looked get unknown, final unknown"},
		"by_false": {func(w http.ResponseWriter) { given(w, false) }, actions.Refused, "asked resume, answered resume refused, final refused"},
		"token":    {func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) }, actions.Failed, "asked resume, answered resume failed, final failed"},
	} {
		s := setUp(t, of("S", "u", "dynamic", record{"can_be_resumed": true}))
		s.before[resume] = func(w http.ResponseWriter, _ *http.Request) bool { c.answer(w); return true }
		r, err := s.actions(s.conn).Resume(t.Context(), "S", "", true)
		if r.Outcome != c.want || (err == nil) != (c.want == actions.Refused) || r.Why == "" {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if got := s.rows(); got != c.rows {
			t.Errorf("%s: got %q, want %q", name, got, c.rows)
		}
		s.leaks(r, err)
	}
}

func TestResume_WithoutClickHouseNothingIsAsked(t *testing.T) {
	s := setUp(t, of("S", "u", "dynamic", record{"can_be_resumed": true}))
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	s.must(closed.Close())
	away, err := ch.Open(&ch.Options{Addr: []string{closed.Addr().String()}})
	s.must(err)
	defer away.Close()
	r, err := s.actions(away).Resume(t.Context(), "S", "", true)
	if err == nil || !strings.Contains(err.Error(), "nothing was asked of Piano") || r.Outcome != actions.Failed || len(r.Steps) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if s.times(resume) > 0 {
		t.Error("it was asked for")
	}
	if n := strings.Count(err.Error(), "actions_log"); n != 1 {
		t.Errorf("it says %d times that the log cannot be written: %v", n, err)
	}
	// A missing last row is added to the error.
	s.before["/publisher/subscription/get"] = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusForbidden)
		return true
	}
	r, err = s.actions(away).Resume(t.Context(), "S", "", true)
	if !errors.Is(err, piano.ErrAccess) || !strings.Contains(err.Error(), "; write actions_log, step final: ") || strings.Contains(err.Error(), "\n") || r.Outcome != actions.Failed {
		t.Errorf("%+v, %v", r, err)
	}
	// There is no table: a refusal of the server's is the same.
	s.tables.Database = "nowhere"
	if _, err := s.actions(s.conn).Resume(t.Context(), "S", "", true); err == nil || s.times(resume) > 0 {
		t.Errorf("without the table: %v", err)
	}
}

func TestResume_InterruptedIsWrittenDown(t *testing.T) {
	one := of("S", "u", "dynamic", record{"can_be_resumed": true})
	s := setUp(t, one)
	ctx, interrupt := context.WithCancel(t.Context())
	s.before[resume] = func(w http.ResponseWriter, _ *http.Request) bool {
		s.resumed(one)
		interrupt()
		return lost(w)
	}
	r, err := s.actions(s.conn).Resume(ctx, "S", "", true)
	if r.Outcome != actions.Done || err != nil {
		t.Errorf("%+v, %v", r, err)
	}
	if got := s.rows(); got != "asked resume, unknown resume unknown, looked get done, final done" {
		t.Errorf("got %q", got)
	}
}
