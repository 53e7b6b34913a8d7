package promotion_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/promo/promotion"
)

type object = map[string]any

// fake is a Piano with promotions. A test bends its answers.
type fake struct {
	mu         sync.Mutex
	promotions []object
	codes      map[string][]object
	terms      map[string][]string
	asked      []string
	// drop are parameters that it ignores, and says that it is done. lose are endpoints
	// whose answer is lost after the effect, refuse those with their code of refusal, break_
	// those that do nothing and break the connection.
	drop   map[string]bool
	lose   map[string]bool
	refuse map[string]int
	broken map[string]bool
}

const root = "/publisher/promotion/"

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	f.mu.Lock()
	defer f.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, root)
	f.asked = append(f.asked, path)
	if code := f.refuse[path]; code != 0 {
		_ = json.NewEncoder(w).Encode(object{"code": code, "message": "No, said canary@example.com"})
		return
	}
	if f.broken[path] {
		hangUp(w)
		return
	}
	id := r.Form.Get("promotion_id")
	var answer any
	key := "data"
	switch path {
	case "list":
		rows := []object{}
		for _, p := range f.promotions {
			if strings.Contains(p["name"].(string), r.Form.Get("q")) {
				rows = append(rows, p)
			}
		}
		f.list(w, r, "promotions", rows)
		return
	case "get":
		key, answer = "promotion", f.find(id)
	case "create":
		key, answer = "promotion", f.create(r)
	case "fixedDiscount/add":
		p := f.find(id)
		list, _ := p["fixed_discount_list"].([]object)
		amount, _ := strconv.ParseFloat(r.Form.Get("amount"), 64)
		p["fixed_discount_list"] = append(list, object{"currency": r.Form.Get("currency"), "amount": r.Form.Get("amount"), "amount_value": amount})
		key, answer = "PromotionFixedDiscount", object{"currency": r.Form.Get("currency")}
	case "term/add":
		f.terms[id] = append(f.terms[id], r.Form.Get("term_id"))
		answer = object{}
	case "term/list":
		rows := []object{}
		for _, t := range f.terms[id] {
			rows = append(rows, object{"term_id": t})
		}
		f.list(w, r, "terms", rows)
		return
	case "generate":
		n, _ := strconv.Atoi(r.Form.Get("amount"))
		if f.drop["amount"] {
			n = 1
		}
		for range n {
			f.addCode(id, r.Form.Get("promotion_code_prefix")+fmt.Sprintf("%06d", len(f.codes[id])))
		}
		key, answer = "promotion", f.find(id)
	case "code/create":
		if !f.drop["code"] {
			f.addCode(id, r.Form.Get("code"))
		}
		key, answer = "PromoCode", object{"code": r.Form.Get("code")}
	case "code/list":
		rows := []object{}
		for _, c := range f.codes[id] {
			if strings.Contains(c["code"].(string), r.Form.Get("q")) && (r.Form.Get("state") == "" || r.Form.Get("state") == c["state_value"]) {
				rows = append(rows, c)
			}
		}
		f.list(w, r, "promo_codes", rows)
		return
	}
	if f.lose[path] {
		hangUp(w)
		return
	}
	if p, ok := answer.(object); ok && p == nil {
		_ = json.NewEncoder(w).Encode(object{"code": 404})
		return
	}
	_ = json.NewEncoder(w).Encode(object{"code": 0, key: answer})
}

func hangUp(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
}

func (f *fake) list(w http.ResponseWriter, r *http.Request, key string, rows []object) {
	offset, _ := strconv.Atoi(r.Form.Get("offset"))
	limit, _ := strconv.Atoi(r.Form.Get("limit"))
	page := rows[min(offset, len(rows)):min(offset+limit, len(rows))]
	_ = json.NewEncoder(w).Encode(object{"code": 0, key: page, "total": len(rows), "count": len(page)})
}

func (f *fake) find(id string) object {
	for _, p := range f.promotions {
		if p["promotion_id"] == id {
			return p
		}
	}
	return nil
}

func (f *fake) create(r *http.Request) object {
	p := object{"promotion_id": fmt.Sprintf("PR%d", len(f.promotions)+1), "status": "active", "uses": 0, "fixed_discount_list": []object{}, "create_by": "canary@example.com"}
	for name, values := range r.Form {
		if f.drop[name] || name == "aid" {
			continue
		}
		value := values[0]
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			p[name] = n
		} else if value == "true" || value == "false" {
			p[name] = value == "true"
		} else {
			p[name] = value
		}
	}
	f.promotions = append(f.promotions, p)
	return p
}

func (f *fake) addCode(id, text string) {
	f.codes[id] = append(f.codes[id], object{"promo_code_id": fmt.Sprintf("PC%d", len(f.codes[id])+1), "promotion_id": id, "code": text, "state": "Active", "state_value": "active",
		"assigned_email": "canary@example.com", "create_date": 1780000000, "claimed_user": nil})
}

// env is a fake, and a client with a log of actions.
type env struct {
	*testing.T
	*fake
	promotions promotion.Promotions
	steps      []promotion.Step
	deaf       string // the step that cannot be recorded
	logs       *observer.ObservedLogs
}

func setUp(t *testing.T) *env {
	t.Helper()
	e := &env{T: t, fake: &fake{codes: map[string][]object{}, terms: map[string][]string{}, drop: map[string]bool{}, lose: map[string]bool{}, refuse: map[string]int{}, broken: map[string]bool{}}}
	server := httptest.NewServer(e.fake)
	t.Cleanup(server.Close)
	c := piano.Defaults()
	c.BaseURL, c.AID, c.Token, c.Rate, c.PageSize = server.URL, "app", "canary-token", 10_000, 3
	c.Retry = piano.Retry{Initial: time.Millisecond, Max: 2 * time.Millisecond, Attempts: 2}
	core, logs := observer.New(zap.DebugLevel)
	api, err := piano.New(c, nil, zap.New(core), piano.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	e.logs, e.promotions = logs, promotion.Promotions{API: api, Log: zap.New(core)}
	return e
}

func (e *env) record(_ context.Context, s promotion.Step) error {
	if s.Step == e.deaf {
		return fmt.Errorf("no row %s", s.Step)
	}
	e.steps = append(e.steps, s)
	return nil
}

// times is how often an endpoint was asked.
func (e *env) times(path string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.asked {
		if p == path {
			n++
		}
	}
	return n
}

// stepWords are the steps as words.
func (e *env) stepWords() string {
	var words []string
	for _, s := range e.steps {
		words = append(words, strings.TrimSpace(s.Step+" "+string(s.Outcome)))
	}
	return strings.Join(words, ", ")
}

// leaks fails where something personal or a code is shown.
func (e *env) leaks(r *promotion.Report, err error, secrets ...string) {
	e.Helper()
	shown, _ := json.Marshal(r)
	text := string(shown) + fmt.Sprint(err, e.steps)
	for _, l := range e.logs.All() {
		text += l.Message + fmt.Sprint(l.ContextMap())
	}
	for _, secret := range append(secrets, "canary", "@") {
		if strings.Contains(text, secret) {
			e.Errorf("%q is shown: %s", secret, text)
		}
	}
}
