package care_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/care"
	"github.com/pianola/pianola/internal/sandbox/world"
)

// env is a simulated Piano with a desk over a small world.
type env struct {
	*testing.T
	world     *world.World
	truth     *world.Truth
	publisher *pianoapi.Publisher
	desk      *care.Desk
	server    *pianoapi.Server
	http      *http.Client

	mu     sync.Mutex
	now    time.Duration // after the real time
	events []map[string]any
}

func setUp(t *testing.T) *env {
	t.Helper()
	s := &env{T: t, http: newHTTP()}
	w := world.Defaults()
	w.Seed, w.Subscribers = 7, 600
	w.EndAt(time.Now().UTC().Truncate(24 * time.Hour)) // so that some are in a trial now
	var err error
	if s.world, err = world.New(w); err != nil {
		t.Fatal(err)
	}
	s.truth = s.world.Truth()
	s.publisher = pianoapi.NewPublisher(s.world, s.truth, pianoapi.PublisherConfig{
		Seed: 7, Now: s.clock,
		Produce: func(_ context.Context, _, value []byte, _ time.Time) error {
			var event map[string]any
			if err := json.Unmarshal(value, &event); err != nil {
				return err
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, event)
			return nil
		},
	})
	s.desk = care.New(s.publisher, care.Config{Seed: 7, Now: s.clock})
	if s.server, err = pianoapi.Start(pianoapi.Config{Now: s.clock, Faults: pianoapi.Faults{Slow: time.Millisecond}}, s.desk); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.server.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newHTTP() *http.Client {
	return &http.Client{
		Timeout:       10 * time.Second,
		Transport:     &http.Transport{DisableKeepAlives: true}, // else net/http repeats a GET by itself
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// clock is the time of the simulation.
func (s *env) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.now)
}

// pass moves the time of the simulation.
func (s *env) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now += d
}

func (s *env) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// params makes parameters from pairs. The aid is added.
func (s *env) params(pairs ...string) url.Values {
	form := url.Values{"aid": {s.server.AID()}}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return form
}

// send sends a request and returns status, body and the error of the transport.
func (s *env) send(method, endpoint string, form url.Values) (int, []byte, error) {
	s.Helper()
	address, body := s.server.BaseURL()+endpoint, form.Encode()
	if method == http.MethodGet {
		address, body = address+"?"+body, ""
	}
	r, err := http.NewRequestWithContext(s.Context(), method, address, strings.NewReader(body))
	s.must(err)
	r.Header.Set("api_token", s.server.Token())
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	got, err := s.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	return got.StatusCode, text, err
}

// object is an answer.
type object = map[string]any

// ask sends a request that is answered, and returns the envelope.
func (s *env) ask(method, endpoint string, pairs ...string) object {
	s.Helper()
	status, body, err := s.send(method, endpoint, s.params(pairs...))
	s.must(err)
	var all object
	if err := json.Unmarshal(body, &all); status != http.StatusOK || err != nil {
		s.Fatalf("%s: status %d, %v: %.300s", endpoint, status, err, body)
	}
	return all
}

func (s *env) get(endpoint string, pairs ...string) object {
	s.Helper()
	return s.ask(http.MethodGet, endpoint, pairs...)
}

func (s *env) post(endpoint string, pairs ...string) object {
	s.Helper()
	return s.ask(http.MethodPost, endpoint, pairs...)
}

// code returns the code of an envelope.
func code(o object) int { return int(o["code"].(float64)) }

// list returns the entries under a key.
func list(o object, key string) []object {
	var all []object
	entries, _ := o[key].([]any)
	for _, one := range entries {
		all = append(all, one.(object))
	}
	return all
}

// at returns a value by its path.
func at(o object, path ...string) any {
	var v any = o
	for _, key := range path {
		inner, ok := v.(object)
		if !ok {
			return nil
		}
		v = inner[key]
	}
	return v
}

func text(o object, path ...string) string { t, _ := at(o, path...).(string); return t }

// search returns the users that filters select.
func (s *env) search(pairs ...string) []object {
	s.Helper()
	got := s.post("/publisher/user/search", append([]string{"offset", "0", "limit", "1000"}, pairs...)...)
	if code(got) != 0 {
		s.Fatalf("search %v: %v", pairs, got)
	}
	return list(got, "users")
}

// sent returns the events since the last call, as "action subscription".
func (s *env) sent() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []string{}
	for _, e := range s.events {
		all = append(all, e["subscription_action"].(string)+" "+e["subscription_id"].(string))
	}
	s.events = nil
	return all
}
