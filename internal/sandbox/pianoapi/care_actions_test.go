package pianoapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// act sends an action of customer care, and returns its answer's code and data.
func (s *env) act(method, endpoint string, pairs ...string) (code int, data any) {
	s.Helper()
	form := url.Values{"aid": {s.server.AID()}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	status, body := s.ask(method, s.server.BaseURL()+"/publisher/"+endpoint, form, map[string]string{
		"api_token": s.server.Token(), "Content-Type": "application/x-www-form-urlencoded",
	})
	var all struct {
		Code int
		Data any
	}
	if err := json.Unmarshal([]byte(body), &all); err != nil || status != http.StatusOK {
		s.Fatalf("%s: status %d, %v: %.200s", endpoint, status, err, body)
	}
	return all.Code, all.Data
}

// agrees compares the API with the states that the events of the world and of the actions
// give.
func (s *env) agrees(events []map[string]any) {
	s.Helper()
	facts, users, first := map[string][]world.Fact{}, map[string]string{}, map[string]schemas.NullMillis{}
	for _, e := range events {
		id := e["subscription_id"].(string)
		facts[id], users[id] = append(facts[id], factOf(s.T, e)), e["user_id"].(string)
		first[id] = s.truth.FirstEvent(id)
	}
	for k := range s.truth.Known() {
		if len(facts[k.Stored]) > 0 {
			facts[k.Stored] = append(facts[k.Stored], slices.Clone(k.Facts)...)
		}
	}
	now := schemas.Millis(time.Now().UnixMilli() + 1000)
	for id, all := range facts {
		st := world.StateOf(id, all, now, func(id string) schemas.NullMillis { return first[id] })
		if kinds := disagreements(st, users[id], false, s.get(id)); len(kinds) > 0 {
			s.Errorf("%s: %v\nevents %+v\napi    %+v", id, kinds, st, s.get(id))
		}
	}
}

func TestCareActions_ChangeStreamAndAPI(t *testing.T) {
	s := setUp(t, 5, pianoapi.Config{})
	used := map[string]bool{}
	take := func(ok func(piano.Subscription) bool) string {
		id := s.where(func(one piano.Subscription) bool { return !used[one.ID] && ok(one) })
		used[id] = true
		return id
	}
	refundable := func(id string) bool {
		one, _ := s.desk.Get(id)
		return one.Refundable
	}
	running := func(term string) func(piano.Subscription) bool {
		return func(one piano.Subscription) bool {
			return one.Status == "active" && one.Term.Type == term && *one.AutoRenew
		}
	}
	paying, dynamic := running("payment"), running("dynamic")
	done := func(want, method, endpoint string, pairs ...string) {
		t.Helper()
		if code, data := s.act(method, endpoint, pairs...); code != 0 || data != true {
			t.Errorf("%s %v: code %d, data %v", endpoint, pairs, code, data)
		}
		if got := fmt.Sprint(s.peekSent()); got != "["+want+"]" {
			t.Errorf("%s %v: sent %s, want %q", endpoint, pairs, got, want)
		}
	}
	var events []map[string]any
	keep := func() { events = append(events, s.takeEvents()...) }

	id := take(paying)
	done("Canceled "+id, "POST", "subscription/cancel", "subscription_id", id, "refund_last_payment", "false")
	if one := s.get(id); one.Status != "cancelled" && one.Status != "deleted" {
		t.Errorf("after a cancellation the status is %s", one.Status)
	}
	keep()
	if code, _ := s.act("POST", "subscription/cancel", "subscription_id", id, "refund_last_payment", "false"); code != 8002 {
		t.Errorf("a second cancellation: code %d", code)
	}

	id = take(func(one piano.Subscription) bool { return paying(one) && refundable(one.ID) })
	done("Canceled "+id, "POST", "subscription/cancel", "subscription_id", id, "refund_last_payment", "true")
	if v, _ := s.events[0]["transaction_value"].(float64); v >= 0 {
		t.Errorf("the event has no refund: %v", s.events[0])
	}
	keep()

	id = take(func(one piano.Subscription) bool { return paying(one) && !refundable(one.ID) })
	if code, _ := s.act("POST", "subscription/cancel", "subscription_id", id, "refund_last_payment", "true"); code != 8004 || s.get(id).Status != "active" {
		t.Errorf("a refund that fails: code %d, status %s", code, s.get(id).Status)
	}

	id = take(dynamic)
	done("Auto-renew disabled "+id, "POST", "subscription/cancel/deferred", "subscription_id", id)
	keep()
	done("Resumed "+id, "POST", "subscription/resume", "subscription_id", id)
	keep()

	id = take(paying)
	done("Auto-renew disabled "+id, "POST", "subscription/update", "subscription_id", id, "auto_renew", "false")
	keep()
	done("Auto-renew enabled "+id, "POST", "subscription/update", "subscription_id", id, "auto_renew", "true")
	keep()
	s.agrees(events)
	if n := s.server.Changed("/publisher/subscription/update"); n != 2 {
		t.Errorf("%d updates", n)
	}
}

// peekSent returns the events like sentEvents, and leaves them.
func (s *env) peekSent() []string {
	s.mu.Lock()
	events := s.events
	s.mu.Unlock()
	got := s.sentEvents()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = events
	return got
}

// takeEvents returns the events since the last call.
func (s *env) takeEvents() []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.events
	s.events = nil
	return all
}
