package page

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/console/assets"
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/role"
)

// keeping is a page of one panel over a clock that stands still.
type keeping struct {
	*testing.T
	*Renderer
	handle http.HandlerFunc

	mu      sync.Mutex // guards the rest
	clock   time.Time
	value   string
	failure error
	drawn   int
}

func (k *keeping) draw(Panel, *figures.Table) template.HTML {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drawn++
	return "<b>drawing</b>"
}

func newKeeping(t *testing.T) *keeping {
	t.Helper()
	k := &keeping{T: t, clock: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC), value: "first"}
	now := func() time.Time { k.mu.Lock(); defer k.mu.Unlock(); return k.clock }
	reader, err := figures.New(nil, now)
	if err != nil {
		t.Fatal(err)
	}
	read := func(context.Context) (*figures.Table, error) {
		k.mu.Lock()
		defer k.mu.Unlock()
		return &figures.Table{AsOf: k.clock, Columns: []figures.Column{{Name: "value", Type: "String"}}, Rows: [][]any{{k.value}}}, k.failure
	}
	p := PanelPage{Title: "Kept", Usual: "1h", Panels: []Panel{{ID: "one", Title: "One", Command: "pianola x", Read: read, Draw: k}}}
	sections := []Section{{Title: "Test", Pages: []Page{
		{Pattern: "GET /kept", Title: "Kept", Role: role.Viewer, Handle: Panels(p)},
		{Pattern: "GET /secret", Title: "For ops", Role: role.Ops, Handle: Panels(p)},
	}}}
	set, err := assets.Load()
	if err != nil {
		t.Fatal(err)
	}
	if k.Renderer, err = NewRenderer(reader, now, zap.NewNop(), set, sections, false); err != nil {
		t.Fatal(err)
	}
	k.handle = Panels(p)(k.Renderer)
	return k
}

// get opens an address as a person.
func (k *keeping) get(address string, who role.Identity, header ...string) *httptest.ResponseRecorder {
	k.Helper()
	req := httptest.NewRequestWithContext(k.Context(), http.MethodGet, address, nil)
	req.Pattern = "GET /kept"
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	k.handle(w, req.WithContext(role.With(req.Context(), who)))
	if w.Code != http.StatusOK {
		k.Fatalf("%s: %d %s", address, w.Code, w.Body)
	}
	return w
}

// drawnBy is how often do draws the panel.
func (k *keeping) drawnBy(do func()) int {
	before := k.drawn
	do()
	return k.drawn - before
}

var nobody = role.Identity{Roles: []role.Role{role.Viewer}}

// TestPanels_KeptAsLongAsTheAnswers: a page is written once for all who may see the same, and
// again when the first of its answers has ended.
func TestPanels_KeptAsLongAsTheAnswers(t *testing.T) {
	k := newKeeping(t)
	if n := k.drawnBy(func() { k.get("/kept", nobody); k.get("/kept?span=1h", nobody); k.get("/kept?unknown=1", nobody) }); n != 1 {
		t.Errorf("three requests for one page write it %d times", n)
	}
	k.value = "second"
	k.clock = k.clock.Add(figures.DefaultKeep - time.Millisecond)
	if body := k.get("/kept", nobody).Body.String(); !strings.Contains(body, ">first<") {
		t.Error("the page is not kept until its answer ends")
	}
	k.clock = k.clock.Add(time.Millisecond)
	if body := k.get("/kept", nobody).Body.String(); !strings.Contains(body, ">second<") {
		t.Error("the page is older than its answer")
	}
	if n := k.drawnBy(func() { k.get("/kept?span=24h", nobody); k.get("/kept?from=2026-11-01&to=2026-11-02", nobody) }); n != 2 {
		t.Errorf("two other times write %d pages", n)
	}
}

// TestPanels_ShowAChangeAtOnce: who has changed the tables does not wait until answers end.
func TestPanels_ShowAChangeAtOnce(t *testing.T) {
	k := newKeeping(t)
	k.get("/kept", nobody)
	k.value = "second"
	k.Figures.Renew()
	if body := k.get("/kept", nobody).Body.String(); !strings.Contains(body, ">second<") {
		t.Error("the page is from before the change")
	}
}

// TestPanels_FailureIsNotKept: the next visitor asks again.
func TestPanels_FailureIsNotKept(t *testing.T) {
	k := newKeeping(t)
	k.failure = errors.New("no connection")
	if body := k.get("/kept", nobody).Body.String(); !strings.Contains(body, "no connection") {
		t.Fatal("the page does not show the failure")
	}
	k.failure = nil
	if body := k.get("/kept", nobody).Body.String(); !strings.Contains(body, ">first<") {
		t.Error("the failure was kept")
	}
}

// TestPanels_KeptWithoutPersons: people with the same roles share a page, with their own
// names in it. Others have a page of their own.
func TestPanels_KeptWithoutPersons(t *testing.T) {
	k := newKeeping(t)
	ada := role.Identity{User: "Ada <i>", Roles: []role.Role{role.Viewer}}
	eve := role.Identity{User: "Eve", Roles: []role.Role{role.Viewer}}
	ops := role.Identity{User: "Ops", Roles: []role.Role{role.Viewer, role.Ops}}
	first := k.get("/kept", ada, "Accept-Encoding", "gzip")
	if first.Header().Get("Content-Encoding") != "" || !strings.Contains(first.Body.String(), "Ada &lt;i&gt; (viewer)") {
		t.Error("a page with a name is compressed, or has no name")
	}
	var second, other string
	if n := k.drawnBy(func() { second = k.get("/kept", eve).Body.String() }); n != 0 {
		t.Errorf("the page was written %d times more for the same roles", n)
	}
	if n := k.drawnBy(func() { other = k.get("/kept", ops).Body.String() }); n != 1 {
		t.Errorf("the page was written %d times for other roles", n)
	}
	if strings.Contains(second, "Ada") || !strings.Contains(second, "Eve (viewer)") || strings.Contains(second, "/secret") {
		t.Error("the page of the second person is wrong")
	}
	if !strings.Contains(other, "Ops (viewer, ops)") || !strings.Contains(other, "/secret") {
		t.Error("the page of the other role is wrong")
	}
	if body := k.get("/kept", nobody).Body.String(); strings.Contains(body, "Eve") || !strings.Contains(body, "no login (viewer)") {
		t.Error("the page without a login is wrong")
	}
	for _, key := range k.keeper.pages.Keys() {
		page, _ := k.keeper.pages.Peek(key)
		for _, name := range []string{"Ada", "Eve", "Ops ("} {
			if bytes.Contains(page.head, []byte(name)) || bytes.Contains(page.tail, []byte(name)) || strings.Contains(key, name) {
				t.Errorf("%q was kept", name)
			}
		}
	}
}

// TestPanels_Compressed: what names nobody is compressed for clients that accept it.
func TestPanels_Compressed(t *testing.T) {
	k := newKeeping(t)
	ada := role.Identity{User: "Ada", Roles: []role.Role{role.Viewer}}
	for name, one := range map[string]struct {
		who    role.Identity
		header []string
	}{"a page without a login": {nobody, nil}, "an automatic refresh": {ada, []string{"HX-Request", "true"}}} {
		plain := k.get("/kept", one.who, one.header...)
		zipped := k.get("/kept", one.who, append(one.header, "Accept-Encoding", "br;q=1.0, gzip;q=0.8")...)
		if plain.Header().Get("Content-Encoding") != "" || zipped.Header().Get("Content-Encoding") != "gzip" || zipped.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %v", name, zipped.Header())
			continue
		}
		z, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil || !bytes.Equal(text, plain.Body.Bytes()) {
			t.Errorf("%s: %d bytes compressed, %d plain, %v", name, len(text), plain.Body.Len(), err)
		}
		if refused := k.get("/kept", one.who, append(one.header, "Accept-Encoding", "gzip;q=0")...); refused.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s is compressed for a client that refuses it", name)
		}
	}
}

// TestKeeper_Bounded: the pages of many addresses do not fill the memory.
func TestKeeper_Bounded(t *testing.T) {
	clock := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	k, err := newKeeper(func() time.Time { return clock })
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		k.add(strings.Repeat("x", i), &written{head: make([]byte, maxKeptPage/2)}, clock.Add(time.Minute))
	}
	k.add("large", &written{head: make([]byte, maxKeptPage+1)}, clock.Add(time.Minute))
	k.add("ended", &written{}, clock)
	held := 0
	for _, page := range k.pages.Values() {
		held += page.size()
	}
	if held != k.bytes || held > maxKeptBytes || held < maxKeptBytes-maxKeptPage || k.get("large") != nil || k.get("ended") != nil {
		t.Errorf("%d bytes, %d counted, in %d pages", held, k.bytes, k.pages.Len())
	}
	clock = clock.Add(time.Minute)
	if k.get(strings.Repeat("x", 99)) != nil {
		t.Error("a page is there after its end")
	}
}

// TestKeeper_WritesOnce: requests that come while a page is written wait for it, and one
// that goes away does not end it.
func TestKeeper_WritesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, err := newKeeper(time.Now)
		if err != nil {
			t.Fatal(err)
		}
		release := make(chan struct{})
		writes := 0
		write := func(ctx context.Context) (*written, error) {
			writes++
			<-release
			return &written{head: []byte("page")}, ctx.Err()
		}
		gone, leave := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { _, err := k.page(gone, "key", write); first <- err }()
		synctest.Wait()
		leave()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("the one who left got %v", err)
		}
		go func() { _, err := k.page(t.Context(), "key", write); second <- err }()
		synctest.Wait()
		close(release)
		if err := <-second; err != nil || writes != 1 {
			t.Errorf("%v after %d writes", err, writes)
		}
	})
}
