package piano_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pianola/pianola/internal/piano"
)

const token = "canary-token-of-these-tests"

// api is an HTTP server whose answers a test decides.
type api struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string // path?query, or path and form
}

func (a *api) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.asked)
}

// serve starts it, and a client of it whose log can be read.
func serve(t *testing.T, answer http.HandlerFunc, change func(*piano.Config)) (*api, *piano.Client, *observer.ObservedLogs) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	a := &api{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		a.mu.Lock()
		a.asked = append(a.asked, r.URL.Path+"?"+r.Form.Encode())
		a.mu.Unlock()
		if !strings.HasPrefix(r.Header.Get("api_token"), "canary-") || r.Form.Get("aid") != "app1" || r.Form.Has("api_token") {
			t.Errorf("%s: the token belongs into the header alone, and the application into every request", r.URL.Path)
		}
		answer(w, r)
	}))
	cfg := piano.Defaults()
	cfg.BaseURL, cfg.ReportsURL, cfg.AID, cfg.Token = a.URL+"/api/v3", a.URL+"/rest", "app1", token
	cfg.Rate, cfg.Timeout = 10_000, 10*time.Second
	cfg.Retry = piano.Retry{Initial: time.Millisecond, Max: 2 * time.Millisecond, Attempts: 4}
	if change != nil {
		change(&cfg)
	}
	core, logs := observer.New(zap.DebugLevel)
	c, err := piano.New(cfg, nil, zap.New(core), piano.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		a.Close()
		if err := goleak.Find(before); err != nil {
			t.Error(err)
		}
	})
	return a, c, logs
}

// enveloped writes an answer in the API's form.
func enveloped(w http.ResponseWriter, key string, payload any, more map[string]any) {
	fields := map[string]any{"code": 0, "ts": 1767225600, key: payload}
	for name, value := range more {
		fields[name] = value
	}
	_ = json.NewEncoder(w).Encode(fields)
}

// shelf is a list of subscriptions of one status that can change while it is read.
type shelf struct {
	mu    sync.Mutex
	ids   []string
	pages int
	// before is called before each page of more than one row, with its number.
	before func(s *shelf, page int)
	most   int              // rows of a page, for any limit
	user   string           // whose they are; empty: each is of one of its own
	broken func(i int) bool // which rows have a term of another form

	announced int // the total; 0: the number of ids
}

func numbered(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("S%04d", i)
	}
	return ids
}

func (s *shelf) answer(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Form.Get("type") != "active" && r.Form.Get("uid") == "" {
		enveloped(w, "subscriptions", []any{}, map[string]any{"total": 0, "count": 0})
		return
	}
	offset, _ := strconv.Atoi(r.Form.Get("offset"))
	limit, _ := strconv.Atoi(r.Form.Get("limit"))
	if limit > 1 {
		s.pages++
		if s.before != nil {
			s.before(s, s.pages)
		}
	}
	if s.most > 0 {
		limit = min(limit, s.most)
	}
	rows := []any{}
	whose := func(id string) string {
		if s.user != "" {
			return s.user
		}
		return "u-" + id
	}
	for i := offset; i < min(offset+limit, len(s.ids)); i++ {
		rows = append(rows, map[string]any{"subscription_id": s.ids[i], "status": "active",
			"user":       map[string]any{"uid": whose(s.ids[i]), "email": "canary@example.com", "first_name": "Canary"},
			"term":       map[string]any{"term_id": "T1", "type": "payment", "payment_first_price": 9.99},
			"auto_renew": true, "start_date": 1767225600, "unheard_of": []any{1, map[string]any{}}})
		if s.broken != nil && s.broken(i) {
			rows[len(rows)-1].(map[string]any)["term"] = "canary"
		}
	}
	enveloped(w, "subscriptions", rows, map[string]any{"total": cmp.Or(s.announced, len(s.ids)), "count": len(rows), "limit": limit, "offset": offset})
}
