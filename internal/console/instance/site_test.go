package instance_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/console/instance"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/care"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/browser"
	"github.com/pianola/pianola/internal/sandbox/testbed/cases"
	"github.com/pianola/pianola/internal/sandbox/testbed/traces"
	"github.com/pianola/pianola/schemas"
)

func TestMain(m *testing.M) {
	clickhouse.ServeIfChild()
	os.Exit(m.Run())
}

// seed is the one of the world and of its Piano.
const seed = 13

// site is a console over a simulated world and its Piano.
type site struct {
	*testbed.Fixture
	*cases.Finder
	desk    *care.Desk
	piano   *pianoapi.Server
	browser *browser.Browser
	url     string
	log     *kept
}

// kept is what the console has logged.
type kept struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (k *kept) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.Write(p)
}

func (k *kept) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.String()
}

// newSite starts everything, with Chromium.
func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{browser: browser.Start(t), log: &kept{}}
	s.Fixture = testbed.Start(t).Fixture(t, testbed.Config{Protocol: "native", Seed: seed, Subscribers: 300, End: time.Now().UTC().Truncate(24 * time.Hour), State: true})
	s.Publish()
	s.Ingest()
	s.RefreshState()
	publisher := pianoapi.NewPublisher(s.World, s.World.Truth(), pianoapi.PublisherConfig{Seed: seed, Produce: func(ctx context.Context, key, value []byte, at time.Time) error {
		return s.Client.ProduceSync(ctx, &kgo.Record{Topic: s.Topic, Key: key, Value: value, Timestamp: at}).FirstErr()
	}})
	s.desk = care.New(publisher, care.Config{Seed: seed})
	var err error
	s.piano, err = pianoapi.Start(pianoapi.Config{}, s.desk)
	s.Must(err)
	t.Cleanup(func() { _ = s.piano.Close() }) // the test is over

	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(s.log), zap.DebugLevel))
	cfg := s.Settings
	cfg.Piano.BaseURL, cfg.Piano.ReportsURL, cfg.Piano.AID = s.piano.BaseURL(), s.piano.ReportsURL(), s.piano.AID()
	cfg.Piano.APIToken, cfg.Piano.Rate, cfg.Piano.PageSize = config.Secret(s.piano.Token()), 10_000, 1000
	cfg.Console.Listen, cfg.Console.Auth, cfg.Console.Rate = "127.0.0.1:0", "header", 10_000
	cfg.Console.HeaderUser, cfg.Console.HeaderGroups, cfg.Console.HeaderTrusted = "X-User", "X-Groups", []string{"127.0.0.0/8"}
	cfg.Console.Roles = map[string]string{"agents": "ops+care_money+promo", "carers": "care", "readers": "viewer"}
	pages, err := instance.New(t.Context(), cfg, instance.Options{Version: "test", Now: time.Now, Log: log})
	s.Must(err)
	t.Cleanup(pages.Close)
	run := testbed.Go(t, pages.Run)
	t.Cleanup(run.Drain)
	s.url = "http://" + pages.Addr().String()

	c := piano.Defaults()
	c.BaseURL, c.AID, c.Token, c.Rate = s.piano.BaseURL(), s.piano.AID(), s.piano.Token(), 10_000
	api, err := piano.New(c, nil, zap.NewNop(), piano.Hooks{})
	s.Must(err)
	t.Cleanup(api.Close)
	s.Finder = cases.New(api)
	return s
}

// person is somebody with a tab of the browser.
type person struct {
	*browser.Tab
	*site
	name, group string
}

// open logs somebody in.
func (s *site) open(t *testing.T, name, group string) *person {
	t.Helper()
	return &person{s.browser.Open(t, map[string]string{"X-User": name, "X-Groups": group}), s, name, group}
}

// to opens a page of the console.
func (p *person) to(path string) {
	p.Helper()
	p.Navigate(p.url + path)
	p.check(false)
}

// check fails where a script of the world has run, where the browser reports a problem, or
// where the page has something personal that it may not show.
func (p *person) check(personal bool) {
	p.Helper()
	at := browser.Evaluate[string](p.Tab, "location.pathname")
	if browser.Evaluate[bool](p.Tab, "typeof window."+pianoapi.AttackMark+" !== 'undefined'") {
		p.Errorf("%s: a script of the world has run", at)
	}
	for _, problem := range p.Problems() {
		if !strings.Contains(problem, "ERR_CACHE_MISS") { // the browser's own, after going back to a form
			p.Errorf("%s: %s", at, problem)
		}
	}
	text := p.Text()
	if found := pianoapi.FindCanaries([]byte(text)); len(found) > 0 && !personal {
		p.Errorf("%s: personal texts: %q", at, found)
	}
	if strings.Contains(text, p.piano.Token()) {
		p.Errorf("%s has the token of Piano", at)
	}
}

// fetch sends a request without a browser, as the person.
func (p *person) fetch(method, path string, body io.Reader, headers map[string]string) (status int, text string) {
	p.Helper()
	request, err := http.NewRequestWithContext(p.Fixture.Context(), method, p.url+path, body)
	p.Must(err)
	request.Header.Set("X-User", p.name)
	request.Header.Set("X-Groups", p.group)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	p.Must(err)
	defer func() { _ = answer.Body.Close() }() // it was read
	all, err := io.ReadAll(answer.Body)
	p.Must(err)
	return answer.StatusCode, string(all)
}

// sendToPiano changes something in the world, as somebody else does, and returns its id.
func (s *site) sendToPiano(t *testing.T, endpoint string, form url.Values) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.piano.BaseURL()+endpoint, strings.NewReader(form.Encode()))
	s.Must(err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("api_token", s.piano.Token())
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	s.Must(err)
	defer func() { _ = answer.Body.Close() }() // it was read
	var body struct {
		Code int
		Data string
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil || body.Code != 0 || body.Data == "" {
		t.Fatalf("%s: %+v, %v", endpoint, body, err)
	}
	return body.Data
}

// tablesWithCanaries are the tables with a personal text in any column.
func (s *site) tablesWithCanaries(t *testing.T) []string {
	t.Helper()
	with, err := traces.Matching(t.Context(), s.Analyst, schemas.Options{Database: s.Topic}, pianoapi.CanaryPattern())
	s.Must(err)
	return with
}
