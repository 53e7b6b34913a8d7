package promo_test

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pianola/pianola/internal/console"
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/plans"
	"github.com/pianola/pianola/internal/console/promo"
	"github.com/pianola/pianola/internal/console/role"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/promo/conversion"
	"github.com/pianola/pianola/internal/promo/experiment"
	"github.com/pianola/pianola/internal/promo/promotion"
	"github.com/pianola/pianola/internal/promo/segment"
	"github.com/pianola/pianola/internal/promo/store"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	carefile "github.com/pianola/pianola/internal/sandbox/pianoapi/care"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/schemas"
)

func TestMain(m *testing.M) {
	clickhouse.ServeIfChild()
	os.Exit(m.Run())
}

// hostile is the name of a promotion and of a term that must stay a text.
const hostile = `<script>canary()</script><img src=x onerror="canary()">`

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

// office is a console with the pages of promo codes, over a simulated Piano and the tables of
// its world.
type office struct {
	*testbed.Fixture
	piano      *pianoapi.Server
	promotions promotion.Promotions
	logs       *observer.ObservedLogs
	url        string
	visited    []string
}

// newOffice starts everything. Without a Piano the pages have no token.
func newOffice(t *testing.T, withPiano bool) *office {
	t.Helper()
	f := testbed.Start(t).Fixture(t, testbed.Config{Seed: 13, Subscribers: 300, End: time.Now().UTC().Truncate(24 * time.Hour), State: true, Protocol: "native"})
	f.Publish()
	f.Ingest()
	f.RefreshState()
	o := &office{Fixture: f}
	core, logs := observer.New(zap.DebugLevel)
	o.logs = logs
	log := zap.New(core)
	if withPiano {
		publisher := pianoapi.NewPublisher(f.World, f.World.Truth(), pianoapi.PublisherConfig{Seed: 13})
		var err error
		o.piano, err = pianoapi.Start(pianoapi.Config{}, carefile.New(publisher, carefile.Config{Seed: 13}))
		o.Must(err)
		t.Cleanup(func() { _ = o.piano.Close() }) // the test is over
		c := piano.Defaults()
		c.BaseURL, c.AID, c.Token, c.Rate = o.piano.BaseURL(), o.piano.AID(), o.piano.Token(), 10_000
		api, err := piano.New(c, nil, log, piano.Hooks{})
		o.Must(err)
		t.Cleanup(api.Close)
		o.promotions = promotion.Promotions{API: api, Log: log}
	}
	options := f.Settings.ClickHouseOptions()
	options.Auth.Database = f.Topic
	conn, err := ch.Open(options)
	o.Must(err)
	t.Cleanup(func() { _ = conn.Close() }) // every row is acknowledged
	reader, err := figures.New(conn, time.Now)
	o.Must(err)
	tables := store.Store{Conn: conn, Tables: schemas.Options{Database: f.Topic}, Log: log}
	segments := segment.Segments{Store: tables, Instance: "console", Now: time.Now}
	book := plans.NewBook(time.Now, log, reader.Renew)
	server, err := console.Listen(t.Context(), console.Config{Listen: "127.0.0.1:0", Rate: 10_000}, console.Deps{
		Figures: reader, Auth: login{}, Now: time.Now, Log: log,
		Sections: []page.Section{promo.New(promo.Deps{
			Promotions: o.promotions, Conversions: conversion.Reader{Store: tables, API: o.promotions.API, Now: time.Now}, Segments: segments,
			Experiments: experiment.Experiments{Store: tables, Segments: segments, Now: time.Now}, Plans: book,
		})},
	})
	o.Must(err)
	o.url = "http://" + server.Addr().String()
	serving, planning := testbed.Go(t, server.Run), testbed.Go(t, book.Run)
	t.Cleanup(serving.Drain)
	t.Cleanup(planning.Drain)
	return o
}

// answer is a page as it arrived.
type answer struct {
	status   int
	body     string
	location string
	header   http.Header
}

// as sends a request as a person. Every answer is checked: none may be kept, and no text of
// the world may become markup.
func (o *office) as(t *testing.T, user, roles, method, path string, form url.Values) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, o.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	request.Header.Set("Test-User", user)
	request.Header.Set("Test-Roles", roles)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	got, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }() // it was read
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	if kept := got.Header.Get("Cache-Control"); kept != "no-store" {
		t.Errorf("%s %s: Cache-Control %q", method, path, kept)
	}
	o.visited = append(o.visited, path+" "+got.Header.Get("Location"))
	a := answer{got.StatusCode, string(body), got.Header.Get("Location"), got.Header}
	if strings.HasPrefix(got.Header.Get("Content-Type"), "text/html") {
		check(t, path, a)
	}
	return a
}

var scriptElement = regexp.MustCompile(`<script[^>]*>`)

func check(t *testing.T, path string, a answer) {
	t.Helper()
	body := a.body
	for _, one := range scriptElement.FindAllString(body, -1) {
		if !strings.Contains(one, ` src="/assets/`) {
			t.Errorf("%s has the script %s", path, one)
		}
	}
	for _, attack := range append(pianoapi.Attacks(), "<img src=x", "<b>&amp;</b>", "ZgotmplZ") {
		if strings.ContainsAny(attack, "<>'\"Z") && strings.Contains(body, attack) {
			t.Errorf("%s has the text %q as it is", path, attack)
		}
	}
	// A form that was refused returns to its sender with what was entered.
	if found := pianoapi.FindCanaries([]byte(body)); len(found) > 0 && a.status != http.StatusUnprocessableEntity {
		t.Errorf("%s has personal texts: %q", path, found)
	}
}

// get opens a page that must exist.
func (o *office) get(t *testing.T, path string) string {
	t.Helper()
	got := o.as(t, "petra", "promo", http.MethodGet, path, nil)
	if got.status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, got.status, problemOf(got.body))
	}
	if strings.Contains(got.body, "could not be read") {
		t.Errorf("%s: %s", path, problemOf(got.body))
	}
	return got.body
}

var problemText = regexp.MustCompile(`(?s)<p class="(?:error|warning|note)"[^>]*>(.*?)</p>`)

func problemOf(text string) string {
	var all []string
	for _, match := range problemText.FindAllStringSubmatch(text, -1) {
		all = append(all, html.UnescapeString(match[1]))
	}
	return strings.Join(all, " | ")
}

// plan sends a form that makes a plan, and returns the address and the page of the plan
// once it is made.
func (o *office) plan(t *testing.T, path string, form url.Values) (address, body string) {
	t.Helper()
	made := o.as(t, "petra", "promo", http.MethodPost, path, form)
	if made.status != http.StatusSeeOther {
		t.Fatalf("POST %s: %d %s", path, made.status, problemOf(made.body))
	}
	return made.location, o.settled(t, made.location)
}

// settled is the page of a plan that does not change by itself.
func (o *office) settled(t *testing.T, address string) (body string) {
	t.Helper()
	o.Must(testbed.Await(t.Context(), "the plan", func() (bool, error) {
		body = o.get(t, address)
		return !strings.Contains(body, "Look again"), nil
	}))
	return body
}

// confirm executes a plan and returns the page of its result.
func (o *office) confirm(t *testing.T, address string) string {
	t.Helper()
	if got := o.as(t, "petra", "promo", http.MethodPost, address, url.Values{"why": {"spring campaign"}}); got.status != http.StatusSeeOther {
		t.Fatalf("confirm: %d %s", got.status, problemOf(got.body))
	}
	return o.settled(t, address)
}

// change plans and executes, and fails where it is not done.
func (o *office) change(t *testing.T, path string, form url.Values) string {
	t.Helper()
	address, planned := o.plan(t, path, form)
	if !strings.Contains(planned, `name="why"`) {
		t.Fatalf("%s cannot be confirmed: %s", path, problemOf(planned))
	}
	done := o.confirm(t, address)
	if !strings.Contains(done, `<span class="mark good">done</span>`) {
		t.Fatalf("%s: %s", path, problemOf(done))
	}
	return done
}

// table is the text of the table of a panel, a line a row.
func table(body, id string) string {
	_, rest, found := strings.Cut(body, `<table id="table-`+id+`">`)
	if !found {
		return ""
	}
	rest, _, _ = strings.Cut(rest, "</table>")
	rest = strings.ReplaceAll(strings.ReplaceAll(strings.TrimSuffix(strings.TrimSpace(rest), "</tbody>"), "\n", ""), "</tr>", "\n")
	return html.UnescapeString(strings.TrimSpace(regexp.MustCompile(`(<[^>]*>)+`).ReplaceAllString(rest, "|")))
}

// count is the number of a query.
func (o *office) count(sql string) (n uint64) {
	o.Helper()
	o.Must(o.Analyst.QueryRow(o.Context(), sql).Scan(&n))
	return n
}

// reader reads the report with which the page is compared.
func (o *office) reader() conversion.Reader {
	return conversion.Reader{Store: store.Store{Conn: o.Analyst, Tables: schemas.Options{Database: o.Topic}, Log: zap.NewNop()}, Now: time.Now}
}

func waitFor(t *testing.T, ready func() (bool, error)) error {
	t.Helper()
	return testbed.Await(t.Context(), "the page", ready)
}
