package piano_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano"
)

func TestSend_IsMadeOnceWhateverHappens(t *testing.T) {
	for name, fault := range faults {
		for _, e := range piano.Endpoints() {
			if !e.Changes() || piano.Repeats(e) {
				continue
			}
			t.Run(name+e.Path(), func(t *testing.T) {
				a, c, logs := serve(t, fault, nil)
				_, err := c.Send(t.Context(), e, url.Values{"comment": {"canary of kari@example.com"}})
				if err == nil || a.count() != 1 {
					t.Fatalf("%v after %d requests", err, a.count())
				}
				if refused := name == "429"; errors.Is(err, piano.ErrOutcomeUnknown) == refused {
					t.Errorf("got %v", err)
				}
				for _, secret := range []string{token, "kari", "canary", "aid="} {
					if text := fmt.Sprint(err, logs.All()); strings.Contains(text, secret) {
						t.Errorf("%q is shown: %s", secret, text)
					}
				}
			})
		}
	}
	_, c, _ := serve(t, faults["500"], func(cfg *piano.Config) { cfg.BaseURL = "http://127.0.0.1:1/api/v3" })
	begun := time.Now()
	if _, err := c.Send(t.Context(), piano.GrantAccess, nil); err == nil || errors.Is(err, piano.ErrOutcomeUnknown) || strings.Contains(err.Error(), "aid=") {
		t.Errorf("nobody listens: %v after %v", err, time.Since(begun))
	}
	if _, err := c.Send(t.Context(), piano.GetUser, nil); err == nil {
		t.Error("a read was sent as a change")
	}
	if _, err := c.Read(t.Context(), piano.RefundPayment, nil); err == nil {
		t.Error("a refund was made as a read")
	}
}

// net/http repeats a GET by itself when a kept connection breaks. The first request of
// this test makes such a connection.
func TestSend_IsNotRepeatedByTheTransport(t *testing.T) {
	for name, start := range map[string]func(*httptest.Server){
		"http":  (*httptest.Server).Start,
		"http2": func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() },
	} {
		t.Run(name, func(t *testing.T) {
			var refunds atomic.Int32
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasSuffix(r.URL.Path, "/refund") {
					_, _ = w.Write([]byte(found))
					return
				}
				refunds.Add(1)
				panic(http.ErrAbortHandler) // the effect happened, and the connection breaks
			}))
			start(s)
			defer s.Close()
			cfg := piano.Defaults()
			cfg.BaseURL, cfg.AID, cfg.Token, cfg.Rate = s.URL, "app1", token, 10_000
			c, err := piano.New(cfg, nil, zap.NewNop(), piano.Hooks{})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if s.TLS != nil {
				pool := x509.NewCertPool()
				pool.AddCert(s.Certificate())
				for _, tr := range []*http.Transport{piano.Reading(c), piano.Changing(c)} {
					tr.TLSClientConfig = &tls.Config{RootCAs: pool}
				}
			}
			for range 3 {
				before := refunds.Load()
				if _, err := c.Get(t.Context(), "S1"); err != nil {
					t.Fatal(err)
				}
				_, err = c.Send(t.Context(), piano.RefundPayment, url.Values{"user_payment_id": {"UP1"}})
				if !errors.Is(err, piano.ErrOutcomeUnknown) || refunds.Load() != before+1 {
					t.Errorf("%v, refunded %d times", err, refunds.Load()-before)
				}
			}
		})
	}
}

func TestAnswer_Decode(t *testing.T) {
	body := `{"code":0,"data":true}`
	_, c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }, nil)
	for given, want := range map[string]error{`{"code":0,"data":true}`: nil, `{"code":0,"data":false}`: piano.ErrRefused,
		`{"code":0,"data":"canary"}`: piano.ErrOutcomeUnknown, `{"code":0}`: piano.ErrOutcomeUnknown} {
		body = given
		a, err := c.Send(t.Context(), piano.CancelSubscription, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Done(); !errors.Is(err, want) || want == nil && err != nil || err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", given, err)
		}
	}
	body = `{"code":0,"users":[{"uid":{"canary":1}}]}`
	a, err := c.Read(t.Context(), piano.ListUsers, nil)
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		UID string `json:"uid"`
	}
	if err := a.Decode(&rows); !errors.Is(err, piano.ErrShape) || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "users.uid: want text") {
		t.Errorf("got %v", err)
	}
}

// A change is not sent when its turn comes after the read that it relies on is too old.
func TestSend_IsNotSentAfterItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, times := offline(t, func(int) *http.Response { return response(200, `{"code":0,"data":true}`, nil) }, func(cfg *piano.Config) { cfg.Rate = 0.1 })
		if _, err := c.CanChange(t.Context(), "S1"); err != nil { // takes the only turn of ten seconds
			t.Fatal(err)
		}
		begun := time.Now()
		_, err := c.Send(piano.StartBy(t.Context(), begun.Add(5*time.Second)), piano.RefundPayment, nil)
		if !errors.Is(err, piano.ErrBusy) || errors.Is(err, piano.ErrOutcomeUnknown) || len(*times) != 1 || time.Since(begun) > time.Second {
			t.Errorf("%v, %d requests after %v", err, len(*times), time.Since(begun))
		}
		if _, err := c.Send(piano.StartBy(t.Context(), begun.Add(11*time.Second)), piano.RefundPayment, nil); err != nil || len(*times) != 2 || time.Since(begun) > 11*time.Second {
			t.Errorf("%v, %d requests after %v", err, len(*times), time.Since(begun))
		}
	})
}
