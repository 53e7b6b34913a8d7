package piano_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/piano"
)

// TestClient_ReadsARotatedToken: after a rejection the token is read again. A read is
// repeated with the new one at once; a change is not.
func TestClient_ReadsARotatedToken(t *testing.T) {
	for name, reject := range map[string]func(http.ResponseWriter){
		"status": func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) },
		"code":   func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"code":2,"message":"Access denied"}`)) },
	} {
		t.Run(name, func(t *testing.T) {
			valid, stored := token, token
			var problem error
			a, c, logs := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("api_token") != valid {
					reject(w)
					return
				}
				if strings.HasSuffix(r.URL.Path, "/resume") {
					_, _ = w.Write([]byte(`{"code":0,"data":true}`))
					return
				}
				_, _ = w.Write([]byte(`{"code":0,"subscription":{"subscription_id":"S1","status":"active ` + token + `"}}`))
			}, func(cfg *piano.Config) { cfg.ReadToken = func() (string, error) { return stored, problem } })
			if _, err := c.Get(t.Context(), "S1"); err != nil {
				t.Fatal(err)
			}
			valid = "canary-of-the-next-token"
			if _, err := c.Get(t.Context(), "S1"); !errors.Is(err, piano.ErrAccess) || a.count() != 2 {
				t.Errorf("the file is not renewed yet: %v after %d requests", err, a.count())
			}
			stored = valid
			if err := c.Resume(t.Context(), "S1"); !errors.Is(err, piano.ErrAccess) || errors.Is(err, piano.ErrOutcomeUnknown) || a.count() != 3 {
				t.Errorf("a change: %v after %d requests", err, a.count())
			}
			if err := c.Resume(t.Context(), "S1"); err != nil || a.count() != 4 {
				t.Errorf("the next change: %v after %d requests", err, a.count())
			}
			valid, stored = token, token
			s, err := c.Get(t.Context(), "S1")
			if err != nil || a.count() != 6 || strings.Contains(s.Status, token) {
				t.Errorf("a read: %+v, %v after %d requests", s, err, a.count())
			}
			valid, problem = "another", errors.New("no such file")
			if _, err := c.Get(t.Context(), "S1"); !errors.Is(err, piano.ErrAccess) {
				t.Errorf("an unreadable file: %v", err)
			}
			if logs.FilterMessage(piano.LogTokenRead).Len() != 2 || logs.FilterMessage(piano.LogTokenUnread).Len() != 1 {
				t.Errorf("log: %v", logs.All())
			}
		})
	}
}
