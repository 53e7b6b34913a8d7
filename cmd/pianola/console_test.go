package main

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/browser"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestConsole_InABrowser opens every page of `pianola console` that a link leads to, in
// Chromium, at a desk and on a phone, in both themes. The long form has all four views.
func TestConsole_InABrowser(t *testing.T) {
	tier.Full(t, "starts Chromium and a console")
	b := browser.Start(t)
	b.Headers = map[string]string{"X-Forwarded-User": "ada", "X-Forwarded-Groups": "operators"}

	s := services(t).Fixture(t, testbed.Config{Protocol: "native", Seed: 1, Subscribers: 300, State: true})
	s.Publish()
	s.Ingest()
	s.RefreshState()
	variables := append(newPublisher(t, s).environment(), "PIANOLA_RECONCILE_SETTLE=0s")
	if got := call(t, variables, "", "reconcile"); got.code != exitDone && got.code != exitFound {
		t.Fatalf("reconcile: %+v", got)
	}
	s.RefreshMarts()
	host, err := serveConsole(t, append(slices.DeleteFunc(variables, func(v string) bool { return strings.HasPrefix(v, "PIANOLA_LOG_") }),
		"PIANOLA_CONSOLE_LISTEN=127.0.0.1:0", "PIANOLA_CONSOLE_AUTH=header", "PIANOLA_CONSOLE_HEADER_TRUSTED=127.0.0.0/8",
		"PIANOLA_CONSOLE_ROLES=operators:ops+care_money+promo", "PIANOLA_CONSOLE_RATE=1000", "PIANOLA_LOG_FORMAT=json"))
	if err != nil {
		t.Fatal(err)
	}

	var all []string
	judge := func(v browser.View, address string, p *browser.Page) {
		for _, problem := range p.Problems {
			t.Errorf("%s (%s): %s", address, v, problem)
		}
		if p.Heading == "" || p.Overflow > 0 || p.Unnamed > 0 {
			t.Errorf("%s (%s): heading %q, %d pixels too wide, %d fields without a name", address, v, p.Heading, p.Overflow, p.Unnamed)
		}
		if strings.Contains(p.Text, "could not be read") || strings.Contains(p.Text, "did not work") {
			t.Errorf("%s (%s): a part was not read:\n%s", address, v, p.Text)
		}
		if found := pianoapi.FindCanaries([]byte(p.Text)); len(found) > 0 {
			t.Errorf("%s (%s): personal texts: %v", address, v, found)
		}
	}
	views := browser.Views()
	if !tier.Long() { // both widths and both themes, but not each with each
		views = []browser.View{views[0], views[3]}
	}
	// One page of each kind: addresses that differ only in parameters or ids count once.
	kinds := map[string]int{}
	skip := func(link string) bool {
		u, err := url.Parse(link)
		if err != nil || u.Query().Has("csv") {
			return true
		}
		kind, rest, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
		if kind == "business" || kind == "care" || kind == "promo" {
			kind += rest + u.Query().Get("tab")
		}
		kinds[kind]++
		return kinds[kind] > 2
	}
	err = b.Crawl("http://"+host+"/", views[0], 100, skip, func(address string, p *browser.Page) {
		all = append(all, address)
		judge(views[0], address, p)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 36 {
		t.Errorf("only %d pages were opened: %s", len(all), strings.Join(all, " "))
	}
	for _, v := range views[1:] {
		for _, address := range all {
			p, err := b.Look(address, v)
			if err != nil {
				t.Fatal(err)
			}
			judge(v, address, p)
		}
	}
}
