package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Tab is a page that stays open while somebody works with it. It is used by the goroutine
// of its test, and ends the test at an error.
type Tab struct {
	testing.TB
	ctx      context.Context
	reported *reported
}

// reported is what the browser says about a tab.
type reported struct {
	mu       sync.Mutex
	requests []string
	problems []string
}

// Open opens an empty tab, with a cookie jar of its own. headers go with every request.
func (b *Browser) Open(t testing.TB, headers map[string]string) *Tab {
	t.Helper()
	ctx, end := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	tab := &Tab{TB: t, ctx: ctx, reported: &reported{}}
	must(t, "open a tab", chromedp.Listen(ctx, tab.reported.add))
	with := &Browser{Headers: headers}
	tab.do("open a tab", chromedp.EmulateViewport(1400, 900), with.headers, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.Enable, network.EnableParams{})
		return err
	}))
	return tab
}

// In is the tab in a subtest.
func (t *Tab) In(sub testing.TB) *Tab { return &Tab{TB: sub, ctx: t.ctx, reported: t.reported} }

func (r *reported) add(event any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		r.requests = append(r.requests, e.Request.Method+" "+e.Request.URL)
	case *runtime.EventExceptionThrown:
		r.problems = append(r.problems, "exception: "+e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			r.problems = append(r.problems, string(e.Entry.Source)+": "+e.Entry.Text)
		}
	}
}

// Requests are the methods and addresses of all requests so far.
func (t *Tab) Requests() []string {
	t.reported.mu.Lock()
	defer t.reported.mu.Unlock()
	return slices.Clone(t.reported.requests)
}

// Problems are the messages of the browser since the last call: errors of scripts, and
// violations of the policy of a page.
func (t *Tab) Problems() []string {
	t.reported.mu.Lock()
	defer t.reported.mu.Unlock()
	all := t.reported.problems
	t.reported.problems = nil
	return all
}

func (t *Tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	bounded, cancel := context.WithTimeout(t.ctx, lookTimeout)
	defer cancel()
	must(t, what, chromedp.Do(bounded, steps...))
}

// Navigate opens an address.
func (t *Tab) Navigate(address string) {
	t.Helper()
	t.do("open "+address, chromedp.Navigate(address))
}

// Reload loads the page again. A page that answered a form sends the form again.
func (t *Tab) Reload() {
	t.Helper()
	t.do("reload", chromedp.Reload())
}

// Back goes to the page before. A page that answered a form, and may not be stored, is an
// error page of the browser then.
func (t *Tab) Back() {
	t.Helper()
	bounded, cancel := context.WithTimeout(t.ctx, lookTimeout)
	defer cancel()
	if err := chromedp.Do(bounded, chromedp.NavigateBack()); err != nil && !strings.Contains(err.Error(), "ERR_CACHE_MISS") {
		t.Fatalf("go back: %v", err)
	}
}

// Evaluate returns the value of an expression in the page.
func Evaluate[T any](t *Tab, expression string) T {
	t.Helper()
	bounded, cancel := context.WithTimeout(t.ctx, lookTimeout)
	defer cancel()
	value, err := chromedp.Run(bounded, chromedp.Evaluate[T](expression))
	must(t, "evaluate "+expression[:min(len(expression), 80)], err)
	return value
}

// Text is what a person can read, in closed details too.
func (t *Tab) Text() string {
	t.Helper()
	return Evaluate[string](t, `document.body.textContent`)
}

// Heading is the main heading.
func (t *Tab) Heading() string {
	t.Helper()
	return Evaluate[string](t, `((document.querySelector("h1") || {}).textContent || "").trim()`)
}

// selectForm marks the form with an action and hidden values, and opens the parts of the
// page around it.
const selectForm = `((action, hidden, button) => {
	for (const old of document.querySelectorAll("[data-selected]")) delete old.dataset.selected;
	for (const form of document.querySelectorAll("form")) {
		if (form.getAttribute("action") !== action) continue;
		const has = ([name, value]) => Array.from(form.querySelectorAll("input[type=hidden]")).some(i => i.name === name && i.value === value);
		const press = form.querySelector(button);
		if (!press || !hidden.every(has)) continue;
		for (let e = form; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
		form.dataset.selected = "1";
		press.dataset.selected = "1";
		return true;
	}
	return false;
})(%s, %s, %s)`

// Form selects a form by its action, the names and values of hidden fields, and its button;
// an empty button is the first one. It reports whether the page has it.
func (t *Tab) Form(action string, button string, pairs ...string) bool {
	t.Helper()
	if button == "" {
		button = "button"
	}
	hidden := make([][2]string, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		hidden = append(hidden, [2]string{pairs[i], pairs[i+1]})
	}
	return Evaluate[bool](t, fmt.Sprintf(selectForm, quoted(action), quoted(hidden), quoted(button)))
}

// Fill enters a value into a field of the selected form. Text is typed by the keyboard.
func (t *Tab) Fill(name, value string) {
	t.Helper()
	field := fmt.Sprintf("form[data-selected] [name=%q]:not([type=hidden])", name)
	kind := Evaluate[string](t, fmt.Sprintf(`(e => e ? e.type : "")(document.querySelector(%s))`, quoted(field)))
	switch kind {
	case "":
		t.Fatalf("the form has no field %s", name)
	case "checkbox":
		if !Evaluate[bool](t, fmt.Sprintf("document.querySelector(%s).checked", quoted(field))) {
			t.do("check "+name, chromedp.Click(chromedp.CSS(field)))
		}
	case "select-one", "date":
		if got := Evaluate[string](t, fmt.Sprintf("(e => { e.value = %s; return e.value })(document.querySelector(%s))", quoted(value), quoted(field))); got != value {
			t.Fatalf("the field %s has no value %s", name, value)
		}
	default:
		t.do("type "+name, chromedp.SendKeys(chromedp.CSS(field), value))
	}
}

// Clear empties a field of the selected form that has a value already.
func (t *Tab) Clear(name string) {
	t.Helper()
	Evaluate[string](t, fmt.Sprintf(`(e => { if (e && e.type === "text") e.value = ""; return "" })(document.querySelector(%s))`, quoted(fmt.Sprintf("form[data-selected] [name=%q]", name))))
}

// pressed is the button of the selected form.
const pressed = chromedp.CSS("button[data-selected]")

// Press clicks the button of the selected form and waits for the next page.
func (t *Tab) Press() {
	t.Helper()
	t.press(chromedp.Click(pressed))
}

// DoublePress clicks it twice, as impatient people do.
func (t *Tab) DoublePress() {
	t.Helper()
	t.press(chromedp.DoubleClick(pressed))
}

func (t *Tab) press(click chromedp.Action[chromedp.Void]) {
	t.Helper()
	bounded, cancel := context.WithTimeout(t.ctx, lookTimeout)
	defer cancel()
	_, err := chromedp.Run(bounded, chromedp.WaitEvent(page.LoadEventFired, func(page.EventLoadEventFired) bool { return true }, click))
	must(t, "press the button", err)
}

// Screenshot is a PNG of the whole page.
func (t *Tab) Screenshot() (png []byte) {
	t.Helper()
	bounded, cancel := context.WithTimeout(t.ctx, lookTimeout)
	defer cancel()
	png, err := chromedp.Run(bounded, chromedp.FullScreenshot(100))
	must(t, "take a picture", err)
	return png
}

// quoted is a value as JavaScript reads it.
func quoted(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // texts and lists of texts always have JSON
	}
	return string(text)
}

func must(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
