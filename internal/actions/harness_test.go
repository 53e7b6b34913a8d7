package actions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/schemas"
)

// server is the engine that the package's tests share.
var server engine.Engine

func TestMain(m *testing.M) { os.Exit(server.Run(m)) }

// tables are those that the tests use in turn; the first one makes them.
var tables struct {
	sync.Once
	schemas.Options
}

// record is a subscription as the fake API has it.
type record map[string]any

// of is one of a user with a term of a type, and what else is said of it.
func of(id, user, termType string, more record) record {
	r := record{"subscription_id": id, "status": "active", "auto_renew": false, "user": map[string]any{"uid": user, "email": "canary@example.com"},
		"term": map[string]any{"term_id": "T1", "type": termType}}
	for name, value := range more {
		r[name] = value
	}
	return r
}

// env is a configurable fake API, a real client of it, and a database.
type env struct {
	*testing.T
	conn   driver.Conn
	tables schemas.Options
	logs   *observer.ObservedLogs
	api    *piano.Client

	mu            sync.Mutex
	subscriptions []record
	late          time.Duration // how far the actions' clock is ahead
	unfiltered    bool          // the list ignores the requested user
	status        []any         // answers of a change's status, in turn; the last one stays; nil is code 1012
	asked         []string
	// before is called with the lock held before an endpoint is answered; true says
	// that it has answered.
	before map[string]func(w http.ResponseWriter, r *http.Request) bool
}

const (
	resume = "/publisher/subscription/resume"
	update = "/publisher/subscription/update"
	change = "/publisher/term/change/do"
	can    = "/publisher/term/change/can"
	status = "/publisher/term/change/getSubscriptionUpgradeStatus"
)

func setUp(t *testing.T, subscriptions ...record) *env {
	t.Helper()
	tables.Do(func() { _, tables.Options = server.Database(t) })
	s := &env{T: t, subscriptions: subscriptions, before: map[string]func(http.ResponseWriter, *http.Request) bool{},
		conn: server.Connect(t), tables: tables.Options}
	s.must(s.conn.Exec(t.Context(), "TRUNCATE TABLE "+s.tables.Table("actions_log")))
	s.api, s.logs = clientOf(t, s.answer)
	return s
}

// clientOf is a client of a Piano that handle plays, and what it logs.
func clientOf(t *testing.T, handle http.HandlerFunc) (*piano.Client, *observer.ObservedLogs) {
	t.Helper()
	fake := httptest.NewServer(handle)
	t.Cleanup(fake.Close)
	c := piano.Defaults()
	c.BaseURL, c.AID, c.Token, c.Rate = fake.URL, "app", "canary-token", 10_000
	c.Retry = piano.Retry{Initial: time.Millisecond, Max: 2 * time.Millisecond, Attempts: 3}
	core, logs := observer.New(zap.DebugLevel)
	api, err := piano.New(c, nil, zap.New(core), piano.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	return api, logs
}

func (s *env) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// actions are those of an actor; without a database where dry.
func (s *env) actions(conn driver.Conn) *actions.Actions {
	return actions.New(actions.Deps{API: s.api, Customers: customer.New(s.api), Conn: conn, Tables: s.tables, Actor: "support kari@example.com", Instance: "test",
		Poll: time.Millisecond, Now: s.now, Log: zap.NewNop()})
}

// now is the actions' clock, which a test's handler can put forward.
func (s *env) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.late)
}

func (s *env) find(id string) record {
	for _, r := range s.subscriptions {
		if r["subscription_id"] == id {
			return r
		}
	}
	return nil
}

func (s *env) answer(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.URL.Path)
	if bend := s.before[r.URL.Path]; bend != nil && bend(w, r) {
		return
	}
	one := s.find(r.Form.Get("subscription_id"))
	if from := r.Form.Get("subscription_from"); from != "" {
		one = s.find(from)
	}
	if one == nil && r.URL.Path != "/publisher/subscription/list" {
		code(w, 8005, "Subscription not found for canary@example.com")
		return
	}
	switch r.URL.Path {
	case "/publisher/subscription/get":
		given(w, one)
	case "/publisher/subscription/list":
		rows := []record{}
		for _, one := range s.subscriptions {
			whose, _ := one["user"].(map[string]any)
			if s.unfiltered || one["status"] == r.Form.Get("type") && whose["uid"] == r.Form.Get("uid") {
				rows = append(rows, one)
			}
		}
		total := len(rows)
		offset, _ := strconv.Atoi(r.Form.Get("offset"))
		rows = rows[min(offset, total):]
		_ = json.NewEncoder(w).Encode(map[string]any{"code": 0, "total": total, "subscriptions": rows})
	case resume:
		s.resumed(one)
		given(w, true)
	case update:
		one["auto_renew"] = r.Form.Get("auto_renew") == "true"
		given(w, one)
	case can:
		given(w, one["changeable"] != false)
	case change:
		given(w, true)
	default: // the status of a change
		var now any
		if len(s.status) > 0 {
			if now = s.status[0]; len(s.status) > 1 {
				s.status = s.status[1:]
			}
		}
		if now == nil {
			code(w, 1012, "Term change not found")
			return
		}
		given(w, map[string]any{"status": now})
	}
}

func (s *env) resumed(r record) {
	r["auto_renew"], r["can_be_resumed"], r["status"] = true, false, "active"
}

func given(w http.ResponseWriter, payload any) {
	_ = json.NewEncoder(w).Encode(map[string]any{"code": 0, "data": payload})
}

func code(w http.ResponseWriter, n int, message string) {
	_ = json.NewEncoder(w).Encode(map[string]any{"code": n, "message": message})
}

// lost breaks the connection without an answer.
func lost(w http.ResponseWriter) bool {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
	return true
}

// times is how often an endpoint was asked.
func (s *env) times(endpoint string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, path := range s.asked {
		if path == endpoint {
			n++
		}
	}
	return n
}

// rows are those of actions_log in the order in which they were written: step,
// endpoint's last part, outcome and code.
func (s *env) rows() string {
	s.Helper()
	var all []string
	rows, err := s.conn.Query(context.Background(), `SELECT concat(step, if(request = '', '', concat(' ', splitByChar('/', request)[-1])),
  if(outcome = '', '', concat(' ', outcome)), if(code = 0, '', concat(' ', toString(code)))) FROM `+s.tables.Table("actions_log")+`
  ORDER BY written_at, indexOf(['asked', 'answered', 'unknown', 'looked', 'final'], step::String)`)
	s.must(err)
	defer rows.Close()
	for rows.Next() {
		var one string
		s.must(rows.Scan(&one))
		all = append(all, one)
	}
	s.must(rows.Err())
	return strings.Join(all, ", ")
}

// leaks fails the test where something personal is in the report, in the table or
// in the log.
func (s *env) leaks(r *actions.Report, err error) {
	s.Helper()
	shown, _ := json.Marshal(r)
	var table []string
	rows, queried := s.conn.Query(context.Background(), `SELECT toString(tuple(*)) FROM `+s.tables.Table("actions_log"))
	s.must(queried)
	defer rows.Close()
	for rows.Next() {
		var one string
		s.must(rows.Scan(&one))
		table = append(table, one)
	}
	var logged []string
	for _, e := range s.logs.All() {
		logged = append(logged, e.Message+fmt.Sprint(e.ContextMap()))
	}
	for name, text := range map[string]string{"report": string(shown), "table": strings.Join(table, "\n"), "error": fmt.Sprint(err), "log": strings.Join(logged, "\n")} {
		if strings.Contains(text, "@") || strings.Contains(text, "canary") {
			s.Errorf("the %s holds something personal: %s", name, text)
		}
	}
}
