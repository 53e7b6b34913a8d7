package actions_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// toT2 is the change that these tests ask for.
func toT2(wait time.Duration) actions.Change {
	return actions.Change{TermChange: piano.TermChange{SubscriptionID: "S", ToTerm: "T2", ImmediateAccess: true}, FromTerm: "T1", Wait: wait}
}

func TestUpgrade_LooksBeforeItAsks(t *testing.T) {
	for name, c := range map[string]struct {
		one    record
		change func(*actions.Change)
		status []any
		want   actions.Outcome
		whyIs  string
	}{
		"can":              {want: actions.Planned, whyIs: "can be changed"},
		"after_a_failed":   {status: []any{1}, want: actions.Planned},
		"under_way":        {status: []any{0}, want: actions.Refused, whyIs: "under way: PENDING"},
		"suspended":        {status: []any{3}, want: actions.Refused, whyIs: "under way: SUSPENDED"},
		"cannot":           {one: record{"changeable": false}, want: actions.Refused, whyIs: "cannot be changed now"},
		"has_it":           {one: record{"term": map[string]any{"term_id": "T2", "type": "payment"}}, want: actions.Done, whyIs: "already"},
		"another":          {one: record{"term": map[string]any{"term_id": "T7", "type": "payment"}}, want: actions.Refused, whyIs: "its term is T7, and not T1"},
		"no_term":          {one: record{"term": nil}, want: actions.Refused, whyIs: "(none)"},
		"ended":            {one: record{"status": "expired"}, want: actions.Refused, whyIs: "has ended (expired)"},
		"ended_with_it":    {one: record{"status": "expired", "term": map[string]any{"term_id": "T2", "type": "payment"}}, want: actions.Refused, whyIs: "has ended"},
		"nobodys":          {one: record{"user": nil}, want: actions.Refused, whyIs: "give --user"},
		"nobodys_given":    {one: record{"user": nil}, change: func(c *actions.Change) { c.UserID = "u" }, want: actions.Planned},
		"user_is_address":  {one: record{"user": map[string]any{"uid": "canary@example.com"}}, want: actions.Planned},
		"address_given":    {one: record{"user": map[string]any{"uid": "canary@example.com"}}, change: func(c *actions.Change) { c.UserID = "canary@example.com" }, want: actions.Planned},
		"somebody_elses":   {change: func(c *actions.Change) { c.UserID = "another" }, want: actions.Refused, whyIs: "another user's"},
		"no_subscription":  {change: func(c *actions.Change) { c.SubscriptionID = "nowhere" }, want: actions.Refused, whyIs: "no such subscription"},
		"status_not_told":  {status: []any{"none"}, want: actions.Planned},
		"refused_by_code":  {one: record{"changeable": "code"}, want: actions.Refused, whyIs: "1012"},
		"period_and_dates": {change: func(c *actions.Change) { c.ToPeriod, c.Billing = "P1", piano.BillAtPeriodEnd }, want: actions.Planned},
	} {
		s := setUp(t, of("S", "u", "payment", c.one))
		s.status = c.status
		if c.one["changeable"] == "code" {
			s.before[can] = func(w http.ResponseWriter, _ *http.Request) bool { code(w, 1012, "No change option"); return true }
		}
		ask := toT2(0)
		if c.change != nil {
			c.change(&ask)
		}
		r, err := s.actions(nil).Upgrade(t.Context(), ask, false)
		if err != nil || r.Outcome != c.want || !strings.Contains(r.Why, c.whyIs) || (r.Request != nil) != (c.want == actions.Planned) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if s.times(change) > 0 {
			t.Errorf("%s: a dry run has asked", name)
		}
		if name == "nobodys_given" && r.Request.Parameters["uid"] != "u" {
			t.Errorf("would ask %v", r.Request)
		}
		if name == "user_is_address" && !strings.HasPrefix(r.Request.Parameters["uid"], "sha256:") {
			t.Errorf("would ask %v", r.Request)
		}
		if r.Request != nil && c.change == nil && name != "user_is_address" && (r.Request.Parameters["billing_timing"] != "0" || r.Request.Parameters["uid"] != "u" || r.Request.Parameters["immediate_access"] != "true") {
			t.Errorf("%s: would ask %v", name, r.Request)
		}
		if name == "period_and_dates" && (r.Request.Parameters["billing_timing"] != "1" || r.Request.Parameters["term_to_period_id"] != "P1") {
			t.Errorf("would ask %v", r.Request)
		}
		s.leaks(r, err)
	}
}

func TestUpgrade_FollowsTheChange(t *testing.T) {
	const asked = "asked do, answered do done, "
	for name, c := range map[string]struct {
		before []any // the status of an earlier change
		status []any // after the change was asked for
		made   any   // the subscription's status afterwards
		wait   time.Duration
		want   actions.Outcome
		err    bool
		rows   string
	}{
		"made":      {status: []any{0, 0, 0, nil}, made: "upgraded", wait: time.Minute, want: actions.Done, rows: asked + "looked getSubscriptionUpgradeStatus pending, looked getSubscriptionUpgradeStatus done, final done"},
		"at_once":   {status: []any{nil}, made: "upgraded", want: actions.Done, rows: asked + "looked getSubscriptionUpgradeStatus done, final done"},
		"failed":    {status: []any{0, 2}, wait: time.Minute, want: actions.Failed, err: true, rows: asked + "looked getSubscriptionUpgradeStatus pending, looked getSubscriptionUpgradeStatus failed, final failed"},
		"suspended": {status: []any{0, 3, nil}, made: "upgraded", wait: time.Minute, want: actions.Done, rows: asked + "looked getSubscriptionUpgradeStatus pending, looked getSubscriptionUpgradeStatus pending, looked getSubscriptionUpgradeStatus done, final done"},
		"one_look":  {status: []any{0}, want: actions.Pending, rows: asked + "looked getSubscriptionUpgradeStatus pending, final pending"},
		// An earlier change's end is not this one's, and an unknown number is no end.
		"old_failure":      {before: []any{1}, status: []any{1, 1, 0}, wait: time.Minute, made: "upgraded", want: actions.Done, rows: asked + "looked getSubscriptionUpgradeStatus done, final done"},
		"old_failure_left": {before: []any{1}, status: []any{1}, want: actions.Unknown, err: true, rows: asked + "looked getSubscriptionUpgradeStatus unknown, final unknown"},
		"unknown_number":   {status: []any{6}, want: actions.Pending, rows: asked + "looked getSubscriptionUpgradeStatus pending, final pending"},
		"vanished":         {status: []any{nil}, want: actions.Unknown, err: true, rows: asked + "looked getSubscriptionUpgradeStatus unknown, final unknown"},
	} {
		one := of("S", "u", "payment", nil)
		s := setUp(t, one)
		s.status = c.before
		s.before[change] = func(_ http.ResponseWriter, r *http.Request) bool {
			if got := s.rows(); got != "asked do" {
				t.Errorf("%s: when asked, actions_log has %q", name, got)
			}
			if r.Form.Get("uid") != "u" || r.Form.Get("term_to") != "T2" || r.Form.Get("subscription_from") != "S" {
				t.Errorf("%s: asked %v", name, r.Form)
			}
			if s.status = c.status; c.made != nil {
				one["status"] = c.made
			}
			return false
		}
		r, err := s.actions(s.conn).Upgrade(t.Context(), toT2(c.wait), true)
		if r.Outcome != c.want || (err != nil) != c.err || s.times(change) != 1 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if got := s.rows(); got != c.rows {
			t.Errorf("%s: got %q, want %q", name, got, c.rows)
		}
		s.leaks(r, err)
	}
}

func TestUpgrade_ALostAnswerIsLookedFor(t *testing.T) {
	tier.Full(t, "waits for an answer")
	const asked, looked = "asked do, unknown do unknown, ", "looked getSubscriptionUpgradeStatus "
	for name, c := range map[string]struct {
		before []any // statuses of earlier changes
		status []any // afterwards
		made   any
		want   actions.Outcome
		rows   string
	}{
		"under_way":      {status: []any{0, 0, 0, nil}, made: "upgraded", want: actions.Done, rows: asked + looked + "pending, " + looked + "done, final done"},
		"made":           {made: "upgraded", want: actions.Done, rows: asked + looked + "done, final done"},
		"nothing":        {want: actions.Unknown, rows: asked + looked + "unknown, final unknown"},
		"an_earlier_one": {before: []any{4}, status: []any{4}, want: actions.Unknown, rows: asked + looked + "unknown, final unknown"},
		"came_to_nought": {before: []any{4}, status: []any{1}, want: actions.Failed, rows: asked + looked + "failed, final failed"},
	} {
		one := of("S", "u", "payment", nil)
		s := setUp(t, one)
		s.status = c.before
		s.before[change] = func(w http.ResponseWriter, _ *http.Request) bool {
			if s.status = c.status; c.made != nil {
				one["status"] = c.made
			}
			return lost(w)
		}
		r, err := s.actions(s.conn).Upgrade(t.Context(), toT2(time.Minute), true)
		if r.Outcome != c.want || (err == nil) != (c.want == actions.Done) || s.times(change) != 1 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if got := s.rows(); got != c.rows {
			t.Errorf("%s: got %q, want %q", name, got, c.rows)
		}
	}
}

// However an API puts off its answers, --wait ends it: what was seen last counts.
func TestUpgrade_FollowsNoLongerThanItMay(t *testing.T) {
	tier.Full(t, "waits for a time limit")
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	busy := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "600")
		w.WriteHeader(http.StatusTooManyRequests)
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		after  int // looks that are answered before
		whyIs  string
	}{
		"hangs":                {hang, 0, "but its status could not be read in time: piano " + status},
		"is_busy":              {busy, 0, "but its status could not be read in time: piano " + status + ": status 429"},
		"is_busy_after_a_look": {busy, 1, "Piano has accepted the change, and says PENDING"},
	} {
		var r *actions.Report
		var err error
		// A look takes as long as it takes: one that was to be answered gets more time.
		for wait := time.Second; wait <= 8*time.Second; wait *= 2 {
			s := setUp(t, of("S", "u", "payment", nil))
			looks := 0
			s.before[change] = func(http.ResponseWriter, *http.Request) bool {
				s.status = []any{0}
				s.before[status] = func(w http.ResponseWriter, r *http.Request) bool {
					if looks++; looks <= c.after {
						return false
					}
					c.answer(w, r)
					return true
				}
				return false
			}
			ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second) // a look that is not bounded hangs for longer
			r, err = s.actions(s.conn).Upgrade(ctx, toT2(wait), true)
			cancel()
			if !strings.HasSuffix(s.rows(), "final pending") {
				t.Errorf("%s: rows %q", name, s.rows())
			}
			if strings.Contains(r.Why, c.whyIs) {
				break
			}
		}
		if err != nil || r.Outcome != actions.Pending || !strings.Contains(r.Why, c.whyIs) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// An API that is busy for long is not waited for: what was looked at gets old.
func TestActions_AreNotSentOnAnOldLook(t *testing.T) {
	for endpoint, act := range map[string]func(*env) (*actions.Report, error){
		resume: func(s *env) (*actions.Report, error) { return s.actions(s.conn).Resume(t.Context(), "D", "", true) },
		update: func(s *env) (*actions.Report, error) { return s.actions(s.conn).Resume(t.Context(), "S", "", true) },
		change: func(s *env) (*actions.Report, error) { return s.actions(s.conn).Upgrade(t.Context(), toT2(0), true) },
	} {
		s := setUp(t, of("S", "u", "payment", nil), of("D", "u", "dynamic", record{"can_be_resumed": true}))
		s.before[endpoint] = func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Retry-After", "600")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		r, err := act(s)
		last := endpoint[strings.LastIndex(endpoint, "/")+1:]
		if !errors.Is(err, piano.ErrBusy) || r.Outcome != actions.Failed || !strings.Contains(r.Why, "run it again later") || s.times(endpoint) != 1 ||
			s.rows() != "asked "+last+", answered "+last+" failed, final failed" {
			t.Errorf("%s: %+v, %v, %s", endpoint, r, err, s.rows())
		}
	}
}

func TestUpgrade_InterruptedWhileItFollows(t *testing.T) {
	s := setUp(t, of("S", "u", "payment", nil))
	ctx, interrupt := context.WithCancel(t.Context())
	s.before[change] = func(http.ResponseWriter, *http.Request) bool { s.status = []any{0}; return false }
	looks := 0
	s.before[status] = func(http.ResponseWriter, *http.Request) bool {
		if looks++; looks == 3 {
			interrupt()
		}
		return false
	}
	r, err := s.actions(s.conn).Upgrade(ctx, toT2(time.Hour), true)
	if !errors.Is(err, context.Canceled) || r.Outcome != actions.Pending || !strings.HasSuffix(s.rows(), "pending, final pending") {
		t.Errorf("%+v, %v, %s", r, err, s.rows())
	}
}
