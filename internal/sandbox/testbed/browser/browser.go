// Package browser opens pages of the console in Chromium, as people do, and reports what is
// wrong with them: errors of scripts, violations of the page's own policy, and content that
// does not fit.
//
// [Start] starts the browser, [Browser.Look] opens one page, and [Browser.Crawl] follows
// every link from a page on. [Browser.Open] opens a [Tab], in which a test fills forms and
// presses buttons.
package browser

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// lookTimeout bounds one page on a busy machine.
const lookTimeout = time.Minute

// Browser is a running Chromium.
type Browser struct {
	// Headers go with every request, as a proxy in front would send them. Set them before
	// the first look.
	Headers map[string]string

	ctx context.Context
}

// View is how a page is looked at.
type View struct {
	Width int
	Dark  bool
}

// Views are a desk and a phone, in both themes.
func Views() []View {
	return []View{{1400, false}, {1400, true}, {400, false}, {400, true}}
}

func (v View) String() string {
	theme := "light"
	if v.Dark {
		theme = "dark"
	}
	return fmt.Sprintf("%d-%s", v.Width, theme)
}

// Page is what a look has found.
type Page struct {
	Title    string
	Heading  string
	Text     string
	Links    []string // to the same site, without fragments
	Problems []string // messages of the browser: errors, violations of the policy
	Overflow int      // pixels that the page is wider than the window
	Unnamed  int      // fields and buttons without a name for a screen reader
}

// Start starts Chromium, or skips the test on a machine without it. It ends with the test.
func Start(t testing.TB) *Browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	tier.Needs(t, err)
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.NoSandbox)
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return &Browser{ctx: ctx}
}

// facts are read from the page at once.
const facts = `({
	title: document.title,
	heading: (document.querySelector("h1") || {}).textContent || "",
	text: document.body.innerText,
	links: Array.from(document.querySelectorAll("a[href]"), a => a.href),
	overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
	unnamed: Array.from(document.querySelectorAll("button, input:not([type=hidden]), select, textarea")).filter(e =>
		!(e.labels && e.labels.length) && !e.getAttribute("aria-label") && !e.textContent.trim()).length,
})`

// Look opens a page. more runs in the page before it is judged, such as clicks.
func (b *Browser) Look(address string, v View, more ...chromedp.Action[chromedp.Void]) (*Page, error) {
	tab, end := chromedp.NewContext(b.ctx)
	defer end()
	bounded, cancel := context.WithTimeout(tab, lookTimeout)
	defer cancel()
	var mu sync.Mutex
	var problems []string
	err := chromedp.Listen(bounded, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			problems = append(problems, "exception: "+e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
				problems = append(problems, string(e.Entry.Source)+": "+e.Entry.Text)
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("open a tab: %w", err)
	}
	steps := []chromedp.Action[chromedp.Void]{
		chromedp.EmulateViewport(int64(v.Width), 900), theme(v), b.headers,
		chromedp.Navigate(address), chromedp.WaitReady(chromedp.CSS("body")),
	}
	if err := chromedp.Do(bounded, append(steps, more...)...); err != nil {
		return nil, fmt.Errorf("open %s: %w", address, err)
	}
	found, err := chromedp.Run(bounded, chromedp.Evaluate[judged](facts))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", address, err)
	}
	mu.Lock()
	defer mu.Unlock()
	return &Page{
		Title: found.Title, Heading: strings.TrimSpace(found.Heading), Text: found.Text, Links: sameSite(address, found.Links),
		Problems: slices.Clone(problems), Overflow: found.Overflow, Unnamed: found.Unnamed,
	}, nil
}

// headers makes the tab send the headers.
func (b *Browser) headers(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
	if len(b.Headers) == 0 {
		return chromedp.Void{}, nil
	}
	if _, err := cdp.Call(ctx, t, network.Enable, network.EnableParams{}); err != nil {
		return chromedp.Void{}, err
	}
	all := network.Headers{}
	for name, value := range b.Headers {
		all[name] = value
	}
	_, err := cdp.Call(ctx, t, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: all})
	return chromedp.Void{}, err
}

// judged is the value of facts.
type judged struct {
	Title    string   `json:"title"`
	Heading  string   `json:"heading"`
	Text     string   `json:"text"`
	Links    []string `json:"links"`
	Overflow int      `json:"overflow"`
	Unnamed  int      `json:"unnamed"`
}

func theme(v View) chromedp.Action[chromedp.Void] {
	name := "light"
	if v.Dark {
		name = "dark"
	}
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
		})
		return err
	})
}

// Screenshot opens a page and returns a PNG of all of it.
func (b *Browser) Screenshot(address string, v View) (png []byte, err error) {
	_, err = b.Look(address, v, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		png, err = chromedp.FullScreenshot(100)(ctx, t)
		return err
	}))
	return png, err
}

// Crawl opens from and every page that a link leads to, at most limit of them, and passes
// each to visit. It opens no address for which skip returns true.
func (b *Browser) Crawl(from string, v View, limit int, skip func(string) bool, visit func(address string, p *Page)) error {
	waiting, seen := []string{from}, map[string]bool{from: true}
	for len(waiting) > 0 && limit > 0 {
		address := waiting[0]
		waiting = waiting[1:]
		limit--
		p, err := b.Look(address, v)
		if err != nil {
			return err
		}
		visit(address, p)
		for _, link := range p.Links {
			if !seen[link] && !skip(link) {
				seen[link] = true
				waiting = append(waiting, link)
			}
		}
	}
	return nil
}

// sameSite keeps the links that stay on the host of the page.
func sameSite(page string, links []string) []string {
	at, err := url.Parse(page)
	if err != nil {
		return nil
	}
	var kept []string
	for _, link := range links {
		u, err := url.Parse(link)
		if err != nil || u.Host != at.Host || u.Scheme != at.Scheme {
			continue
		}
		u.Fragment = ""
		kept = append(kept, u.String())
	}
	slices.Sort(kept)
	return slices.Compact(kept)
}
