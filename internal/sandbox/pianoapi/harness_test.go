package pianoapi_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/care"
	"github.com/pianola/pianola/internal/sandbox/world"
)

// stage is a simulated Piano over a small world, and the real client of it.
type env struct {
	*testing.T
	world     *world.World
	truth     *world.Truth
	publisher *pianoapi.Publisher
	desk      *care.Desk
	server    *pianoapi.Server
	client    *piano.Client

	mu     sync.Mutex
	events []map[string]any
}

// filter recognizes the world's internal users as Pianola does.
type filter struct{ w *world.World }

func (f filter) Internal(userID, email string) bool {
	for _, id := range f.w.InternalUserIDs() {
		if id == userID {
			return true
		}
	}
	for _, domain := range f.w.InternalEmailDomains() {
		if n := len(email) - len(domain); n > 0 && email[n:] == domain && email[n-1] == '@' {
			return true
		}
	}
	return false
}

func setUp(t *testing.T, seed uint64, cfg pianoapi.Config) *env {
	t.Helper()
	s := &env{T: t}
	w := world.Defaults()
	w.Seed, w.Subscribers = seed, 600
	var err error
	if s.world, err = world.New(w); err != nil {
		t.Fatal(err)
	}
	s.truth = s.world.Truth()
	s.publisher = pianoapi.NewPublisher(s.world, s.truth, pianoapi.PublisherConfig{
		Seed: seed, Lag: 5 * time.Millisecond,
		Produce: func(_ context.Context, key, value []byte, at time.Time) error {
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
	s.desk = care.New(s.publisher, care.Config{Seed: seed})
	s.server, s.client = serve(t, cfg, s.desk, filter{s.world})
	return s
}

// serve starts a server, and a client with short retries.
func serve(t *testing.T, cfg pianoapi.Config, store pianoapi.Store, f piano.Filter) (*pianoapi.Server, *piano.Client) {
	t.Helper()
	server, err := pianoapi.Start(cfg, store)
	if err != nil {
		t.Fatal(err)
	}
	c := piano.Defaults()
	c.BaseURL, c.ReportsURL, c.AID, c.Token = server.BaseURL(), server.ReportsURL(), server.AID(), server.Token()
	c.Rate, c.PageSize = 10_000, 100
	c.Retry = piano.Retry{Initial: time.Millisecond, Max: 2 * time.Millisecond, Attempts: 6}
	client, err := piano.New(c, f, zap.NewNop(), piano.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server, client
}

// sweep reads all subscriptions. Of a repeated one it keeps the last.
func (s *env) sweep() map[string]piano.Subscription {
	s.Helper()
	all := map[string]piano.Subscription{}
	_, err := s.client.Sweep(s.Context(), func(page []piano.Subscription) error {
		for _, one := range page {
			all[one.ID] = one
		}
		return nil
	})
	s.must(err)
	return all
}

func (s *env) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// sentEvents returns the events since the last call, as "action subscription".
func (s *env) sentEvents() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, e := range s.events {
		all = append(all, e["subscription_action"].(string)+" "+e["subscription_id"].(string))
	}
	s.events = nil
	return all
}
