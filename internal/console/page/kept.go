package page

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/sync/singleflight"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/role"
)

const (
	maxKeptBytes = 16 << 20 // of all pages
	maxKeptPage  = 2 << 20
	maxKeptPages = 1000
)

// written is a page as bytes. It has nothing of a person: the name goes between head and
// tail with each answer. A page that names nobody is all head.
type written struct {
	head, tail []byte
	gzipped    []byte // the whole page; empty for a page that names the person
	until      time.Time
}

func (w *written) size() int { return len(w.head) + len(w.tail) + len(w.gzipped) }

// keeper keeps written pages as long as the answers in them may be shown. Those that were
// not asked for longest make room. It is safe for concurrent use.
type keeper struct {
	now     func() time.Time
	mu      sync.Mutex // guards pages and bytes
	pages   *simplelru.LRU[string, *written]
	bytes   int
	flights singleflight.Group
}

func newKeeper(now func() time.Time) (*keeper, error) {
	k := &keeper{now: now}
	var err error
	k.pages, err = simplelru.NewLRU(maxKeptPages, func(_ string, w *written) { k.bytes -= w.size() })
	return k, err
}

// page returns the page of a key. write must not depend on who asks: it runs once at a time
// for a key, and does not end with a caller that goes away.
func (k *keeper) page(ctx context.Context, key string, write func(context.Context) (*written, error)) (*written, error) {
	if found := k.get(key); found != nil {
		return found, nil
	}
	answer := k.flights.DoChan(key, func() (_ any, err error) {
		defer recovered(func(failed error) { err = failed })
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
		defer cancel()
		ctx, validity := figures.WithValidity(ctx)
		made, err := write(ctx)
		if err != nil {
			return nil, err
		}
		if until, ok := validity.Until(); ok {
			k.add(key, made, until)
		}
		return made, nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case got := <-answer:
		if got.Err != nil {
			return nil, got.Err
		}
		return got.Val.(*written), nil
	}
}

// writeTimeout bounds the reads of one page.
const writeTimeout = 40 * time.Second

func (k *keeper) get(key string) *written {
	k.mu.Lock()
	defer k.mu.Unlock()
	found, ok := k.pages.Get(key)
	if !ok {
		return nil
	}
	if !k.now().Before(found.until) {
		k.pages.Remove(key)
		return nil
	}
	return found
}

func (k *keeper) add(key string, made *written, until time.Time) {
	if made.size() > maxKeptPage || !k.now().Before(until) {
		return
	}
	made.until = until
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pages.Remove(key) // Add replaces a page without a call for the old one
	k.pages.Add(key, made)
	k.bytes += made.size()
	for k.bytes > maxKeptBytes {
		k.pages.RemoveOldest()
	}
}

// namePlace marks the place of the name while a page is written. A zero byte cannot come
// from a text: templates replace it.
const namePlace = "\x00name\x00"

// cut divides a page at the place of the name.
func cut(page []byte) *written {
	head, tail, _ := bytes.Cut(page, []byte(namePlace))
	return &written{head: head, tail: tail}
}

// compressed is a page in which no person is named.
func compressed(page []byte) (*written, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(page); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return &written{head: page, gzipped: b.Bytes()}, nil
}

// send writes the page for a person. A page with a name is not compressed: it differs from
// person to person.
func (w *written) send(to http.ResponseWriter, req *http.Request, status int, name []byte) {
	h := to.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	parts := [][]byte{w.head, name, w.tail}
	if len(w.gzipped) > 0 {
		parts = parts[:1]
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(req.Header.Get("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
			parts = [][]byte{w.gzipped}
		}
	}
	length := 0
	for _, part := range parts {
		length += len(part)
	}
	h.Set("Content-Length", strconv.Itoa(length))
	to.WriteHeader(status)
	for _, part := range parts {
		if _, err := to.Write(part); err != nil {
			return // the client has closed the connection
		}
	}
}

func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, quality, _ := strings.Cut(part, ";")
		if strings.TrimSpace(coding) == "gzip" {
			number, isNumber := strings.CutPrefix(strings.TrimSpace(quality), "q=")
			q, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
			return !isNumber || err == nil && q > 0
		}
	}
	return false
}

// key identifies what a page of panels shows to a person: the page, its choices, and the
// roles, which decide the navigation. Further values of the address are not read, so they do
// not make another page.
func (c panelContent) key(req *http.Request, fragment bool) string {
	key := req.Pattern + "\x00" + urlValues(c).Encode()
	if fragment {
		return key + "\x00figures"
	}
	who := role.From(req.Context())
	if !who.Anonymous() {
		key += "\x00named"
	}
	for _, one := range who.Roles {
		key += "\x00" + string(one)
	}
	return key
}

// kept answers with a page of panels that is the same for everybody with the same roles.
func (r *Renderer) kept(w http.ResponseWriter, req *http.Request, content panelContent, fragment bool) {
	made, err := r.keeper.page(req.Context(), r.Figures.Current(content.key(req, fragment)), func(ctx context.Context) (*written, error) {
		if err := r.choices(ctx, req.URL.Query(), &content); err != nil { // their answers end, too
			return nil, err
		}
		r.fill(ctx, &content)
		if fragment {
			page, err := r.fragment(content)
			if err != nil {
				return nil, err
			}
			return compressed(page)
		}
		page, err := r.write(req, "panels", content.Title, content)
		if err != nil {
			return nil, err
		}
		if role.From(req.Context()).Anonymous() {
			return compressed(bytes.ReplaceAll(page, []byte(namePlace), nameOf(req)))
		}
		return cut(page), nil
	})
	switch {
	case errors.Is(err, errTemplate):
		r.failTemplate(w, err)
	case err != nil:
		r.FailRead(w, req, err)
	default:
		made.send(w, req, http.StatusOK, nameOf(req))
	}
}
