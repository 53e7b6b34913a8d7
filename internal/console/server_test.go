package console

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pianola/pianola/internal/console/auth"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/role"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
)

// login lets the header Test-Role decide.
type login struct{}

func (login) Authenticate(w http.ResponseWriter, r *http.Request) (role.Identity, bool) {
	if text := r.Header.Get("Test-Role"); text != "" {
		return role.Identity{User: "ada", Roles: []role.Role{role.Role(text)}}, true
	}
	http.Error(w, "log in", http.StatusUnauthorized)
	return role.Identity{}, false
}

func (login) Routes() map[string]http.HandlerFunc { return nil }

// pages are one to read, one that changes something, and one that fails.
func pages(changed *int) page.Section {
	return page.Section{Title: "Test", Pages: []page.Page{
		{Pattern: "GET /{$}", Title: "Start", Role: role.Viewer, Handle: func(r *page.Renderer) http.HandlerFunc {
			return func(w http.ResponseWriter, req *http.Request) {
				r.Fail(w, req, http.StatusOK, "<script>alert(1)</script>")
			}
		}},
		{Pattern: "POST /change", Role: role.Ops, Handle: func(*page.Renderer) http.HandlerFunc {
			return func(w http.ResponseWriter, req *http.Request) {
				if err := req.ParseForm(); err != nil {
					http.Error(w, "too large", http.StatusRequestEntityTooLarge)
					return
				}
				*changed++
			}
		}},
		{Pattern: "GET /panic", Role: role.Viewer, Handle: func(*page.Renderer) http.HandlerFunc {
			return func(http.ResponseWriter, *http.Request) { panic("a secret") }
		}},
	}}
}

type started struct {
	*Server
	url     string
	changed int
	log     *observer.ObservedLogs
}

func start(t *testing.T, c Config, a auth.Authenticator) *started {
	t.Helper()
	core, log := observer.New(zap.DebugLevel)
	s := &started{log: log}
	if c.Rate == 0 {
		c.Rate = 1000
	}
	var err error
	s.Server, err = Listen(t.Context(), c, Deps{Auth: a, Sections: []page.Section{pages(&s.changed)}, Now: time.Now, Log: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + s.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *started) send(t *testing.T, method, path, body string, header map[string]string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, value := range header {
		if name == "Host" {
			request.Host = value
			continue
		}
		request.Header.Set(name, value)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

func TestMain(m *testing.M) {
	clickhouse.ServeIfChild()
	goleak.VerifyTestMain(m)
}

// TestServer_HostileRequests: nothing that comes from another site, from a person without
// the role, or in too large a form changes anything.
func TestServer_HostileRequests(t *testing.T) {
	s := start(t, Config{Listen: "127.0.0.1:0"}, login{})
	ops := func(more map[string]string) map[string]string {
		all := map[string]string{"Test-Role": "ops"}
		for name, value := range more {
			all[name] = value
		}
		return all
	}
	for name, c := range map[string]struct {
		header map[string]string
		body   string
		want   int
	}{
		"no login":                   {nil, "", http.StatusUnauthorized},
		"a role that may only look":  {map[string]string{"Test-Role": "viewer"}, "", http.StatusForbidden},
		"another role":               {map[string]string{"Test-Role": "care_money"}, "", http.StatusForbidden},
		"another site":               {ops(map[string]string{"Sec-Fetch-Site": "cross-site"}), "", http.StatusForbidden},
		"another host of the domain": {ops(map[string]string{"Sec-Fetch-Site": "same-site"}), "", http.StatusForbidden},
		"another origin":             {ops(map[string]string{"Origin": "https://evil.example"}), "", http.StatusForbidden},
		"no origin, as null":         {ops(map[string]string{"Origin": "null"}), "", http.StatusForbidden},
		"another host name":          {ops(map[string]string{"Host": "evil.example"}), "", http.StatusMisdirectedRequest},
		"a large body":               {ops(nil), "a=" + strings.Repeat("x", maxBody), http.StatusRequestEntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			answer, _ := s.send(t, http.MethodPost, "/change", c.body, c.header)
			if answer.StatusCode != c.want {
				t.Errorf("got %d", answer.StatusCode)
			}
		})
	}
	if answer, _ := s.send(t, http.MethodGet, "/change", "", ops(nil)); answer.StatusCode != http.StatusNotFound {
		t.Errorf("a GET of what changes something gives %d", answer.StatusCode)
	}
	if s.changed != 0 {
		t.Fatalf("%d changes", s.changed)
	}
	answer, _ := s.send(t, http.MethodPost, "/change", "", ops(map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": s.url}))
	if answer.StatusCode != http.StatusOK || s.changed != 1 {
		t.Errorf("the form of the console itself gives %d, %d changes", answer.StatusCode, s.changed)
	}
}

// TestServer_EveryAnswerBindsTheBrowser: also errors have the headers.
func TestServer_EveryAnswerBindsTheBrowser(t *testing.T) {
	s := start(t, Config{Listen: "127.0.0.1:0"}, login{})
	for path, want := range map[string]int{"/": http.StatusOK, "/missing": http.StatusNotFound, "/panic": http.StatusInternalServerError} {
		answer, text := s.send(t, http.MethodGet, path, "", map[string]string{"Test-Role": "viewer"})
		if answer.StatusCode != want {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
		for name, value := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
		} {
			if answer.Header.Get(name) != value {
				t.Errorf("%s: %s is %q", path, name, answer.Header.Get(name))
			}
		}
		if strings.Contains(text, "<script>alert") || strings.Contains(text, "a secret") {
			t.Errorf("%s: %s", path, text)
		}
	}
	if n := s.log.FilterMessage("page panicked").Len(); n != 1 {
		t.Errorf("%d log lines of the panic", n)
	}
	for _, line := range s.log.All() {
		if strings.Contains(fmt.Sprint(line.ContextMap()), "a secret") {
			t.Error("the log has the value of the panic")
		}
	}
}

// TestServer_Assets: the browser may keep a file for ever, since its address has its hash.
func TestServer_Assets(t *testing.T) {
	s := start(t, Config{Listen: "127.0.0.1:0"}, login{})
	_, text := s.send(t, http.MethodGet, "/", "", map[string]string{"Test-Role": "viewer"})
	found := 0
	for _, part := range strings.Split(text, `"`) {
		if !strings.HasPrefix(part, "/assets/") {
			continue
		}
		found++
		answer, body := s.send(t, http.MethodGet, part, "", nil)
		if answer.StatusCode != http.StatusOK || body == "" || !strings.Contains(answer.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d", part, answer.StatusCode)
		}
	}
	if found != 5 {
		t.Errorf("%d files", found)
	}
	for _, path := range []string{"/assets/", "/assets/x/console.css", "/assets/../server.go"} {
		if answer, _ := s.send(t, http.MethodGet, path, "", nil); answer.StatusCode == http.StatusOK {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
}

func TestServer_LimitsTheRate(t *testing.T) {
	s := start(t, Config{Listen: "127.0.0.1:0", Rate: 0.001}, login{})
	statuses := map[int]int{}
	for range 5 {
		answer, _ := s.send(t, http.MethodGet, "/", "", map[string]string{"Test-Role": "viewer"})
		statuses[answer.StatusCode]++
	}
	if statuses[http.StatusOK] != 1 || statuses[http.StatusTooManyRequests] != 4 {
		t.Errorf("got %v", statuses)
	}
}

// TestServer_RefusesBeforeThePage: a request beyond the rate costs neither a login nor a page.
func TestServer_RefusesBeforeThePage(t *testing.T) {
	c := &counting{}
	s := start(t, Config{Listen: "127.0.0.1:0", Rate: 0.001}, c)
	for range 20 {
		s.send(t, http.MethodGet, "/", "", nil)
	}
	if n := c.logins.Load(); n != 1 {
		t.Errorf("%d of 20 requests came to the login, with a burst of one", n)
	}
}

// counting is a login that counts its requests.
type counting struct{ logins atomic.Int32 }

func (c *counting) Authenticate(http.ResponseWriter, *http.Request) (role.Identity, bool) {
	c.logins.Add(1)
	return role.Identity{Roles: []role.Role{role.Viewer}}, true
}

func (*counting) Routes() map[string]http.HandlerFunc { return nil }

func TestClientOf(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:4000":                "192.0.2.1",
		"192.0.2.1:4001":                "192.0.2.1",
		"[::ffff:192.0.2.1]:4000":       "192.0.2.1",
		"[2001:db8:0:1:a::1]:4000":      "2001:db8:0:1::/64",
		"[2001:db8:0:1:b::2%eth0]:4000": "2001:db8:0:1::/64",
		"[2001:db8:0:2::1]:4000":        "2001:db8:0:2::/64",
		"@":                             "@",
	} {
		if got := clientOf(remote); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}

func TestListen_Refuses(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		auth   auth.Authenticator
		want   string
	}{
		"no login on every address":       {Config{Listen: "0.0.0.0:0"}, auth.None{}, "console.auth"},
		"no login without a host":         {Config{Listen: ":0"}, auth.None{}, "console.auth"},
		"a login without a public URL":    {Config{Listen: "0.0.0.0:0"}, login{}, "console.public_url"},
		"an address that is not a host's": {Config{Listen: "203.0.113.1:1"}, login{}, "console.listen"},
		"a public URL that is not a URL":  {Config{Listen: "0.0.0.0:0", PublicURL: "pianola"}, login{}, "console.public_url"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Listen(t.Context(), c.config, Deps{Auth: c.auth, Now: time.Now, Log: zap.NewNop()})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestNone_IsAViewer: who reaches the loopback address may look, and no more.
func TestNone_IsAViewer(t *testing.T) {
	s := start(t, Config{Listen: "127.0.0.1:0"}, auth.None{})
	if answer, _ := s.send(t, http.MethodGet, "/", "", nil); answer.StatusCode != http.StatusOK {
		t.Errorf("a page gives %d", answer.StatusCode)
	}
	if answer, _ := s.send(t, http.MethodPost, "/change", "", nil); answer.StatusCode != http.StatusForbidden || s.changed != 0 {
		t.Errorf("a change gives %d", answer.StatusCode)
	}
	who, _ := auth.None{}.Authenticate(httptest.NewRecorder(), nil)
	for _, needs := range role.Roles() {
		if who.Has(needs) != (needs == role.Viewer) {
			t.Errorf("%s: %v", needs, who.Has(needs))
		}
	}
}
