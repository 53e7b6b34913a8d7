package care_test

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/console"
	"github.com/pianola/pianola/internal/console/care"
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/role"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	carefile "github.com/pianola/pianola/internal/sandbox/pianoapi/care"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/cases"
	"github.com/pianola/pianola/schemas"
)

func TestMain(m *testing.M) {
	clickhouse.ServeIfChild()
	os.Exit(m.Run())
}

// login takes user and roles from headers.
type login struct{}

func (login) Authenticate(w http.ResponseWriter, r *http.Request) (role.Identity, bool) {
	i := role.Identity{User: r.Header.Get("Test-User")}
	for text := range strings.SplitSeq(r.Header.Get("Test-Roles"), "+") {
		i.Roles = append(i.Roles, role.Role(text))
	}
	return i, true
}

func (login) Routes() map[string]http.HandlerFunc { return nil }

// desk is a console with the pages of care, over a simulated Piano and the tables of its
// world.
type desk struct {
	*testbed.Fixture
	*cases.Finder
	piano *pianoapi.Server
	logs  *observer.ObservedLogs
	url   string

	mu      sync.Mutex // guards visited
	visited []string   // addresses that were opened
}

// newDesk starts everything. The console has no address of its own: each request is
// answered by a server on a loopback port.
func newDesk(t *testing.T) *desk {
	t.Helper()
	f := testbed.Start(t).Fixture(t, testbed.Config{Seed: 13, Subscribers: 300, End: time.Now().UTC().Truncate(24 * time.Hour), State: true, Protocol: "native"})
	f.Publish()
	f.Ingest()
	f.RefreshState()
	d := &desk{Fixture: f}
	publisher := pianoapi.NewPublisher(f.World, f.World.Truth(), pianoapi.PublisherConfig{Seed: 13, Produce: func(ctx context.Context, key, value []byte, at time.Time) error {
		return f.Client.ProduceSync(ctx, &kgo.Record{Topic: f.Topic, Key: key, Value: value, Timestamp: at}).FirstErr()
	}})
	var err error
	d.piano, err = pianoapi.Start(pianoapi.Config{}, carefile.New(publisher, carefile.Config{Seed: 13}))
	d.Must(err)
	t.Cleanup(func() { _ = d.piano.Close() }) // the test is over
	core, logs := observer.New(zap.DebugLevel)
	d.logs = logs
	c := piano.Defaults()
	c.BaseURL, c.AID, c.Token, c.Rate = d.piano.BaseURL(), d.piano.AID(), d.piano.Token(), 10_000
	api, err := piano.New(c, nil, zap.New(core), piano.Hooks{})
	d.Must(err)
	t.Cleanup(api.Close)
	d.Finder = cases.New(api)

	options := f.Settings.ClickHouseOptions()
	options.Auth.Database = f.Topic
	conn, err := ch.Open(options)
	d.Must(err)
	t.Cleanup(func() { _ = conn.Close() }) // every row is acknowledged
	reader, err := figures.New(conn, time.Now)
	d.Must(err)
	section := care.New(care.Deps{Customers: d.Customers, Actions: actions.New(actions.Deps{
		API: d.API, Customers: d.Customers, Conn: conn, Tables: schemas.Options{Database: f.Topic}, Instance: "console",
		Poll: time.Millisecond, Settle: 2 * time.Second, ClaimWait: 10 * time.Second, Now: time.Now, Log: zap.New(core),
	})})
	server, err := console.Listen(t.Context(), console.Config{Listen: "127.0.0.1:0", Rate: 10_000},
		console.Deps{Figures: reader, Auth: login{}, Sections: []page.Section{section}, Now: time.Now, Log: zap.New(core)})
	d.Must(err)
	d.url = "http://" + server.Addr().String()
	run := testbed.Go(t, server.Run)
	t.Cleanup(run.Drain)
	return d
}

// agent is a session of a person.
type agent struct {
	*desk
	t           *testing.T
	user, roles string
}

func (d *desk) agent(t *testing.T, user, roles string) agent { return agent{d, t, user, roles} }

// send sends a request and returns the status and the page. No page may have a personal
// value in an address.
func (a agent) send(method, path string, form url.Values) (int, string) {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		a.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Test-User", a.user)
	request.Header.Set("Test-Roles", a.roles)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	if got := answer.Header.Get("Cache-Control"); got != "no-store" {
		a.t.Errorf("%s %s: Cache-Control %q", method, path, got)
	}
	a.check(string(text))
	a.mu.Lock()
	a.visited = append(a.visited, path+" "+answer.Header.Get("Location"))
	a.mu.Unlock()
	return answer.StatusCode, string(text)
}

var (
	addressAttribute = regexp.MustCompile(`(?:href|action|src|hx-get)="([^"]*)"`)
	scriptElement    = regexp.MustCompile(`<script[^>]*>`)
)

// check fails where an address of a page has something personal, or where a text of the
// world became markup.
func (a agent) check(text string) {
	a.t.Helper()
	for _, match := range addressAttribute.FindAllStringSubmatch(text, -1) {
		to, _ := url.QueryUnescape(html.UnescapeString(match[1]))
		if found := pianoapi.FindCanaries([]byte(to)); len(found) > 0 || strings.HasPrefix(to, "javascript:") {
			a.t.Errorf("an address of the page has %q", found)
		}
	}
	for _, one := range scriptElement.FindAllString(text, -1) {
		if !strings.Contains(one, ` src="/assets/`) {
			a.t.Errorf("the page has the script %s", one)
		}
	}
	for _, attack := range pianoapi.Attacks() {
		if strings.ContainsAny(attack, "<>'\"") && strings.Contains(text, attack) {
			a.t.Errorf("the page has the text %q as it is", attack)
		}
	}
}

// get opens a page that must exist.
func (a agent) get(path string) string {
	a.t.Helper()
	status, text := a.send(http.MethodGet, path, nil)
	if status != http.StatusOK {
		a.t.Fatalf("GET %s: %d %s", path, status, problemOf(text))
	}
	return text
}

// post sends a form that must be answered with a page.
func (a agent) post(path string, form url.Values) string {
	a.t.Helper()
	status, text := a.send(http.MethodPost, path, form)
	if status != http.StatusOK {
		a.t.Fatalf("POST %s: %d %s", path, status, problemOf(text))
	}
	return text
}

var (
	problemText = regexp.MustCompile(`(?s)<p class="(?:error|warning|note)"[^>]*>(.*?)</p>`)
	formElement = regexp.MustCompile(`(?s)<form [^>]*action="([^"]*)"[^>]*>(.*?)</form>`)
	hiddenInput = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	hiddenText  = regexp.MustCompile(`(?s)<textarea name="([^"]*)" hidden>(.*?)</textarea>`)
	resultTitle = regexp.MustCompile(`<h1>([^<]*)</h1>`)
)

func problemOf(text string) string {
	var all []string
	for _, match := range problemText.FindAllStringSubmatch(text, -1) {
		all = append(all, html.UnescapeString(match[1]))
	}
	return strings.Join(all, " | ")
}

// forms are the hidden values of all forms of a page with an address.
func forms(text, action string) []url.Values {
	var all []url.Values
	for _, match := range formElement.FindAllStringSubmatch(text, -1) {
		if match[1] != action {
			continue
		}
		values := url.Values{}
		for _, input := range hiddenInput.FindAllStringSubmatch(match[2], -1) {
			values.Add(html.UnescapeString(input[1]), html.UnescapeString(input[2]))
		}
		for _, area := range hiddenText.FindAllStringSubmatch(match[2], -1) {
			values.Add(area[1], html.UnescapeString(area[2]))
		}
		all = append(all, values)
	}
	return all
}

// form is the first form of a page with the given values; nil without one.
func form(text, action string, pairs ...string) url.Values {
	for _, values := range forms(text, action) {
		fits := true
		for i := 0; i+1 < len(pairs); i += 2 {
			fits = fits && values.Get(pairs[i]) == pairs[i+1]
		}
		if fits {
			return values
		}
	}
	return nil
}

// clean fails where something personal is in a table, a log or an address.
func (d *desk) clean(t *testing.T) {
	t.Helper()
	var all strings.Builder
	rows, err := d.Analyst.Query(t.Context(), "SELECT toString(tuple(*)) FROM "+d.Topic+".actions_log")
	d.Must(err)
	defer func() { _ = rows.Close() }() // Err reports the error
	n := 0
	for rows.Next() {
		var one string
		d.Must(rows.Scan(&one))
		all.WriteString(one + "\n")
		n++
	}
	d.Must(rows.Err())
	if n == 0 {
		t.Error("actions_log is empty: there was nothing to look at")
	}
	for _, e := range d.logs.All() {
		all.WriteString(e.Message)
		for name, value := range e.ContextMap() {
			all.WriteString(name + "=" + toText(value) + "\n")
		}
	}
	d.mu.Lock()
	all.WriteString(strings.Join(d.visited, "\n"))
	d.mu.Unlock()
	if found := pianoapi.FindCanaries([]byte(all.String())); len(found) > 0 || strings.Contains(all.String(), d.piano.Token()) {
		t.Errorf("%q is in a table, a log or an address", found)
	}
}
