package customer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/care"
	"github.com/pianola/pianola/internal/sandbox/world"
)

// simulated is the simulated Piano that the tests read. It is made once: it takes longer
// than a test.
var simulated = sync.OnceValues(func() (*pianoapi.Server, error) {
	c := world.Defaults()
	c.Seed, c.Subscribers = 11, 400
	c.EndAt(time.Now().UTC().Truncate(24 * time.Hour))
	w, err := world.New(c)
	if err != nil {
		return nil, err
	}
	p := pianoapi.NewPublisher(w, w.Truth(), pianoapi.PublisherConfig{Seed: 11, Produce: func(context.Context, []byte, []byte, time.Time) error { return nil }})
	return pianoapi.Start(pianoapi.Config{}, care.New(p, care.Config{Seed: 11}))
})

// client is one of an API, and its log.
func client(t *testing.T, base, aid, token string) (*customer.Client, *observer.ObservedLogs) {
	t.Helper()
	c := piano.Defaults()
	c.BaseURL, c.AID, c.Token, c.Rate = base, aid, token, 10_000
	c.Retry = piano.Retry{Initial: time.Millisecond, Max: 2 * time.Millisecond, Attempts: 3}
	core, logs := observer.New(zap.DebugLevel)
	api, err := piano.New(c, nil, zap.New(core), piano.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	return customer.New(api), logs
}

func simulatedClient(t *testing.T) (*customer.Client, *pianoapi.Server, *observer.ObservedLogs) {
	t.Helper()
	s, err := simulated()
	if err != nil {
		t.Fatal(err)
	}
	c, logs := client(t, s.BaseURL(), s.AID(), s.Token())
	return c, s, logs
}

// fixed is a client of an API that always answers the same.
func fixed(t *testing.T, status int, body string) (*customer.Client, *observer.ObservedLogs) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return client(t, s.URL, "app", "canary-token")
}

func logText(logs *observer.ObservedLogs) (text string) {
	for _, e := range logs.All() {
		text += e.Message + fmt.Sprint(e.ContextMap()) + "\n"
	}
	return text
}
