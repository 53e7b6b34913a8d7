package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestBrowser_FindsWhatIsWrong: a look that could not fail would prove nothing.
func TestBrowser_FindsWhatIsWrong(t *testing.T) {
	tier.Full(t, "starts Chromium")
	mux := http.NewServeMux()
	serve := func(path, body string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:")
			fmt.Fprintf(w, `<!DOCTYPE html><html lang="en"><head><meta name="viewport" content="width=device-width"><title>t</title><link rel="icon" href="data:,"></head><body><h1>Heading</h1>%s</body></html>`, body)
		})
	}
	serve("/good", `<a href="/script">script</a> <label>Name <input></label>`)
	serve("/script", `<script>document.title = "changed"</script><a href="/good#part">good</a>`)
	serve("/style", `<p style="color: red">red</p>`)
	serve("/wide", `<svg width="900" height="10"></svg>`)
	serve("/unnamed", `<input><button></button>`)
	mux.HandleFunc("/throws.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprint(w, "throw new Error('broken')")
	})
	serve("/throws", `<script src="/throws.js"></script>`)
	serve("/missing", `<img src="/nothing.png" alt="">`)
	server := httptest.NewServer(mux)
	defer server.Close()

	b := Start(t)
	phone := View{Width: 400, Dark: true}
	for path, want := range map[string]string{
		"/good": "", "/script": "Content Security Policy", "/style": "Content Security Policy", "/throws": "exception", "/missing": "404",
	} {
		p, err := b.Look(server.URL+path, phone)
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Join(p.Problems, "\n")
		if (want == "") != (all == "") || !strings.Contains(all, want) || p.Title != "t" || p.Heading != "Heading" {
			t.Errorf("%s: %q: %+v", path, want, p)
		}
	}
	if p, err := b.Look(server.URL+"/wide", phone); err != nil || p.Overflow < 400 {
		t.Errorf("%+v %v", p, err)
	}
	if p, err := b.Look(server.URL+"/unnamed", phone); err != nil || p.Unnamed != 2 {
		t.Errorf("%+v %v", p, err)
	}
	var visited []string
	err := b.Crawl(server.URL+"/good", phone, 10, func(string) bool { return false }, func(address string, _ *Page) {
		visited = append(visited, strings.TrimPrefix(address, server.URL))
	})
	if err != nil || strings.Join(visited, " ") != "/good /script" {
		t.Errorf("%v %v", visited, err)
	}
}

// TestTab_FillsAndPresses: each press sends the form, a reload sends it again, and what the
// browser has asked for and complained about is known.
func TestTab_FillsAndPresses(t *testing.T) {
	tier.Full(t, "starts Chromium")
	var sent []string
	mux := http.NewServeMux()
	write := func(w http.ResponseWriter, body string) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:")
		w.Header().Set("Cache-Control", "no-store")
		fmt.Fprintf(w, `<!DOCTYPE html><html lang="en"><head><title>t</title><link rel="icon" href="data:,"></head><body>%s</body></html>`, body)
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		write(w, `<h1>Form</h1><form method="post" action="/other"><button>Other</button></form>
<details><summary>More</summary><form method="post" action="/do"><input type="hidden" name="id" value="7"><input name="text">
<input type="date" name="day"><input type="checkbox" name="yes" value="1"><button>Do</button></form></details>`)
	})
	mux.HandleFunc("POST /do", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		sent = append(sent, r.PostForm.Encode()+" "+r.Header.Get("X-User"))
		write(w, `<h1>Done</h1><script>document.title = "changed"</script>`)
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	tab := Start(t).Open(t, map[string]string{"X-User": "kari"})
	tab.Navigate(server.URL + "/")
	if tab.Form("/do", "", "id", "8") || tab.Form("/do", "button[name=x]") || !tab.Form("/do", "", "id", "7") {
		t.Fatal("another form was found")
	}
	tab.Fill("text", "a & b")
	tab.Fill("day", "2026-12-31")
	tab.Fill("yes", "1")
	tab.Press()
	tab.Reload()
	const want = "day=2026-12-31&id=7&text=a+%26+b&yes=1 kari"
	if tab.Heading() != "Done" || len(sent) != 2 || sent[0] != want || sent[1] != want {
		t.Errorf("%q: %q", tab.Heading(), sent)
	}
	if got := strings.Join(tab.Problems(), "\n"); !strings.Contains(got, "Content Security Policy") || len(tab.Problems()) > 0 {
		t.Errorf("problems: %s", got)
	}
	if got := strings.Join(tab.Requests(), "\n"); strings.Count(got, "POST "+server.URL+"/do") != 2 {
		t.Errorf("requests: %s", got)
	}
}
