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
