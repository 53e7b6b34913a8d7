package business_test

import (
	"encoding/csv"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/console/assets"
	"github.com/pianola/pianola/internal/console/business"
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/role"
	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
)

var server engine.Engine

func TestMain(m *testing.M) { os.Exit(server.Run(m)) }

// site is the pages over one database.
type site struct {
	testing.TB
	mux *http.ServeMux
}

func open(t testing.TB, database string) *site {
	t.Helper()
	options := server.Options(t, clickhouse.Native)
	options.Auth.Database = database
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // it has only asked
	set, err := assets.Load()
	if err != nil {
		t.Fatal(err)
	}
	section := business.New()
	reader, err := figures.New(conn, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	renderer, err := page.NewRenderer(reader, time.Now, zap.NewNop(), set, []page.Section{section}, false)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{TB: t, mux: http.NewServeMux()}
	for _, one := range section.Pages {
		s.mux.HandleFunc(one.Pattern, one.Handle(renderer))
	}
	return s
}

// paths are the addresses of all pages.
func paths() (all []string) {
	for _, one := range business.New().Pages {
		all = append(all, strings.TrimPrefix(one.Pattern, "GET "))
	}
	return all
}

// get reads an address as a viewer.
func (s *site) get(address string) *httptest.ResponseRecorder {
	s.Helper()
	r := httptest.NewRequestWithContext(s.Context(), http.MethodGet, address, nil)
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r.WithContext(role.With(r.Context(), role.Identity{User: "test", Roles: []role.Role{role.Viewer}})))
	if w.Code != http.StatusOK {
		s.Fatalf("%s: %d %s", address, w.Code, w.Body)
	}
	return w
}

var csvLink = regexp.MustCompile(`href="\?([^"]*csv=[^"]*)"`)

// tables are the addresses of the CSV of all panels of a page.
func (s *site) tables(path, body string) (all []string) {
	for _, found := range csvLink.FindAllStringSubmatch(body, -1) {
		all = append(all, path+"?"+html.UnescapeString(found[1]))
	}
	if len(all) == 0 {
		s.Errorf("%s has no panels", path)
	}
	return all
}

// line is a row of a table by the names of its columns.
type line map[string]string

// rows reads the table of a panel over all time.
func (s *site) rows(path, panel string, choices url.Values) []line {
	s.Helper()
	values := url.Values{"csv": {panel}, "from": {"2000-01-01"}, "to": {"2099-12-31"}}
	for name, value := range choices {
		values[name] = value
	}
	records, err := csv.NewReader(s.get("/business/" + path + "?" + values.Encode()).Body).ReadAll()
	if err != nil {
		s.Fatal(err)
	}
	var all []line
	for _, record := range records[1:] {
		one := line{}
		for i, name := range records[0] {
			one[name] = record[i]
		}
		all = append(all, one)
	}
	return all
}
