package actions_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/actions"
)

const get = "/publisher/subscription/get"

// A change of the subscription while the API is slow to say that its term can be
// changed is seen before the change is asked for.
func TestUpgrade_RepeatsAnOldPrecheck(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile record
		gone      bool
		late      time.Duration
		want      actions.Outcome
		whyIs     string
		gets      int
		rows      string
	}{
		"another_term": {meanwhile: record{"term": map[string]any{"term_id": "T3", "type": "payment"}}, late: time.Minute,
			want: actions.Refused, whyIs: "its term is T3, and not T1", gets: 2, rows: "final refused"},
		"that_term": {meanwhile: record{"term": map[string]any{"term_id": "T2", "type": "payment"}}, late: time.Minute,
			want: actions.Done, whyIs: "has that term already", gets: 2, rows: "final done"},
		"ended":        {meanwhile: record{"status": "expired"}, late: time.Minute, want: actions.Refused, whyIs: "has ended (expired)", gets: 2, rows: "final refused"},
		"another_user": {meanwhile: record{"user": map[string]any{"uid": "v"}}, late: time.Minute, want: actions.Refused, whyIs: "has changed", gets: 2, rows: "final refused"},
		"gone":         {gone: true, late: time.Minute, want: actions.Refused, whyIs: "no such subscription", gets: 2, rows: "final refused"},
		"as_it_was":    {late: time.Minute, want: actions.Pending, gets: 2, rows: "asked do, answered do done, looked getSubscriptionUpgradeStatus pending, final pending"},
	} {
		one := of("S", "u", "payment", nil)
		s := setUp(t, one)
		s.before[can] = func(w http.ResponseWriter, _ *http.Request) bool {
			s.late = c.late
			for field, value := range c.meanwhile {
				one[field] = value
			}
			if given(w, true); c.gone {
				s.subscriptions = nil
			}
			return true
		}
		s.before[change] = func(http.ResponseWriter, *http.Request) bool { s.status = []any{0}; return false }
		r, err := s.actions(s.conn).Upgrade(t.Context(), toT2(0), true)
		if err != nil || r.Outcome != c.want || !strings.Contains(r.Why, c.whyIs) || s.times(get) != c.gets || s.rows() != c.rows {
			t.Errorf("%s: %+v, %v, %d looks, %s", name, r, err, s.times(get), s.rows())
		}
		if sent := c.want == actions.Pending; (s.times(change) > 0) != sent || (r.Request != nil) != sent {
			t.Errorf("%s: sent %d times, says %v", name, s.times(change), r.Request)
		}
	}
}

// Of a user's subscriptions the first is looked at again once the others have been.
func TestResume_LooksAgainWhereTheLookIsOld(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile record
		lost      bool
		want      actions.Outcome
		whyIs     string
		sent      int
	}{
		"cannot_any_more": {meanwhile: record{"can_be_resumed": false}, want: actions.Refused, whyIs: "Piano says that it cannot be resumed"},
		"renews":          {meanwhile: record{"can_be_resumed": false, "auto_renew": true}, want: actions.Done, whyIs: "renews by itself"},
		"in_another_way":  {meanwhile: record{"term": map[string]any{"term_id": "T1", "type": "payment"}}, want: actions.Refused, whyIs: "in another way"},
		"as_it_was":       {want: actions.Done, whyIs: "Piano says that it is done", sent: 1},
		"no_look":         {lost: true, want: actions.Failed, whyIs: "the precheck was too old"},
	} {
		one := of("A", "u", "dynamic", record{"can_be_resumed": true})
		s := setUp(t, one, of("B", "u", "gift", nil))
		s.before[get] = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Form.Get("subscription_id") == "A" {
				return c.lost && s.late > 0 && lost(w)
			}
			s.late = time.Minute
			given(w, s.find("B"))
			for field, value := range c.meanwhile {
				one[field] = value
			}
			return true
		}
		r, err := s.actions(s.conn).Resume(t.Context(), "", "u", true)
		if (err != nil) != c.lost || r.Outcome != c.want || !strings.Contains(r.Why, c.whyIs) || s.times(resume)+s.times(update) != c.sent {
			t.Errorf("%s: %+v, %v, sent %d times", name, r, err, s.times(resume)+s.times(update))
		}
		s.leaks(r, err)
	}
}

// slow is a database whose first statement ends long after it was begun.
type slow struct {
	driver.Conn
	then func()
}

func (d slow) PrepareBatch(ctx context.Context, query string, opts ...driver.PrepareBatchOption) (driver.Batch, error) {
	d.then()
	return d.Conn.PrepareBatch(ctx, query, opts...)
}

func TestResume_RepeatsThePrecheckAfterASlowRow(t *testing.T) {
	one := of("S", "u", "dynamic", record{"can_be_resumed": true})
	s := setUp(t, one)
	away := slow{s.conn, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.late, one["can_be_resumed"] = time.Minute, false
	}}
	r, err := s.actions(away).Resume(t.Context(), "S", "", true)
	if err != nil || r.Outcome != actions.Refused || s.times(resume) > 0 || s.rows() != "asked resume, final refused" {
		t.Errorf("%+v, %v, %s", r, err, s.rows())
	}
}
