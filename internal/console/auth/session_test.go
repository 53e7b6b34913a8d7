package auth

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestCookies_EndHereToo: the server refuses a cookie after its time, also when a browser still has
// it, and only this host can set it.
func TestCookies_EndHereToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, k := range []kind{sessionCookie, loginCookie} {
			c := newCookies([]byte("a secret of the test"), true)
			w := httptest.NewRecorder()
			if err := c.set(w, k, "value"); err != nil {
				t.Fatal(err)
			}
			set := w.Result().Cookies()[0]
			if !strings.HasPrefix(set.Name, "__Host-") || !set.Secure || set.Path != "/" || set.Domain != "" {
				t.Errorf("%s is not bound to the host: %s", k.name, set)
			}
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			request.AddCookie(set)
			var value string
			<-time.After(k.length - time.Second)
			if err := c.get(request, k, &value); err != nil || value != "value" {
				t.Errorf("%s: %q, %v", k.name, value, err)
			}
			<-time.After(3 * time.Second)
			if err := c.get(request, k, &value); err == nil {
				t.Errorf("%s is accepted after its end", k.name)
			}
		}
	})
}

// TestCookies_OfOneKind: a cookie of one kind is not one of the other.
func TestCookies_OfOneKind(t *testing.T) {
	c := newCookies([]byte("a secret of the test"), true)
	w := httptest.NewRecorder()
	if err := c.set(w, loginCookie, login{Target: "/"}); err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	request.AddCookie(&http.Cookie{Name: c.name(sessionCookie), Value: w.Result().Cookies()[0].Value})
	if err := c.get(request, sessionCookie, &session{}); err == nil {
		t.Error("a login is accepted as a session")
	}
}
