package piano_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano"
)

const found = `{"code":0,"subscription":{"subscription_id":"S1","status":"active"}}`

// faults answer badly in every way that has been seen of such APIs.
var faults = map[string]http.HandlerFunc{
	"429": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) },
	"500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
	"408": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(408) },
	"code_1": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"code":1,"message":"Internal error at canary's"}`))
	},
	"503": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(503)
	},
	"html": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html>canary@example.com is being looked after</html>"))
	},
	"cut": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(found[:30]))
	},
	"cut_json": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(found[:30])) },
	"hang_up": func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	},
}

func TestGet_TriesAgain(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			var a *api
			a, c, logs := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if a.count() <= 2 {
					fault(w, r)
					return
				}
				_, _ = w.Write([]byte(found))
			}, nil)
			s, err := c.Get(t.Context(), "S1")
			if err != nil || s.ID != "S1" || a.count() != 3 {
				t.Errorf("%+v, %v after %d requests", s, err, a.count())
			}
			if logs.FilterMessage(piano.LogRetrying).Len() != 2 {
				t.Errorf("log: %v", logs.All())
			}
		})
	}
}

func TestGet_GivesUpInTheEnd(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			a, c, logs := serve(t, fault, nil)
			_, err := c.Get(t.Context(), "for kari@example.com")
			if err == nil || a.count() != 4 {
				t.Fatalf("%v after %d requests", err, a.count())
			}
			text := fmt.Sprint(err, logs.All())
			for _, secret := range []string{token, "kari", "canary", "aid="} {
				if strings.Contains(text, secret) {
					t.Errorf("%q is shown: %s", secret, text)
				}
			}
		})
	}
}

func TestGet_ExplainsRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		is     error
		want   string
	}{
		"code_2":      {200, `{"code":2,"message":"Access denied for kari@example.com"}`, piano.ErrAccess, "code 2 (Piano's text is not shown: it may contain a name): access denied"},
		"not_found":   {200, `{"code":8005,"message":"Subscription not found"}`, piano.ErrNotFound, "no such subscription"},
		"401":         {401, ``, piano.ErrAccess, "check piano.api_token"},
		"403":         {403, `{"code":2}`, piano.ErrAccess, "status 403"},
		"404":         {404, `gone`, piano.ErrShape, "check piano.base_url"},
		"400_in_form": {400, `{"code":1012,"message":"no option"}`, piano.ErrNotFound, "code 1012 (Piano's text is not shown: it may contain a name): not found: the terms"},
		"redirect":    {302, ``, piano.ErrShape, "redirect"},
		"validation":  {200, `{"code":5,"message":"bad","validation_errors":{"uid":"is a@b.com's","aid":3,"Will Page":"is required"}}`, nil, "[aid: invalid; another parameter: is required; uid: invalid]"},
		"a_name":      {200, `{"code":2004,"message":"User Will Page not found"}`, nil, "code 2004 (Piano's text is not shown: it may contain a name): there is no such user"},
		"aid":         {200, `{"code":402,"message":"Invalid AID"}`, piano.ErrAccess, "code 402 (invalid aid): access denied: Piano does not know the application: check piano.aid"},
		"no_such":     {200, `{"code":404,"message":"Not found"}`, piano.ErrNotFound, "code 404 (not found)"},
	} {
		t.Run(name, func(t *testing.T) {
			a, client, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://elsewhere.example.com/")
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}, nil)
			_, err := client.Get(t.Context(), "S1")
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if a.count() != 1 {
				t.Errorf("%d requests: a refusal is not tried again", a.count())
			}
		})
	}
}

// A request that changes something is sent once, also where it was certainly not done.
func TestChange_IsNotSentAgain(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			a, c, _ := serve(t, fault, nil)
			err := c.Resume(t.Context(), "S1")
			if name == "429" {
				if errors.Is(err, piano.ErrOutcomeUnknown) || !errors.Is(err, piano.ErrBusy) || a.count() != 1 {
					t.Errorf("%v after %d requests", err, a.count())
				}
				return
			}
			if !errors.Is(err, piano.ErrOutcomeUnknown) || a.count() != 1 {
				t.Errorf("%v after %d requests", err, a.count())
			}
		})
	}
}

func TestChange_ThatWasNeverSentIsNoUnknownOutcome(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	_, c, _ := serve(t, nil, func(cfg *piano.Config) { cfg.BaseURL = "http://" + addr })
	if err := c.Resume(t.Context(), "S1"); err == nil || errors.Is(err, piano.ErrOutcomeUnknown) || strings.Contains(err.Error(), "aid=") {
		t.Errorf("got %v", err)
	}
}

func TestActions_SayWhatTheApiExpects(t *testing.T) {
	answer := `{"code":0,"data":true}`
	a, c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			t.Errorf("%s is a %s", r.URL.Path, r.Method)
		}
		_, _ = w.Write([]byte(answer))
	}, nil)
	ctx := t.Context()
	for want, act := range map[string]func() error{
		"/api/v3/publisher/subscription/resume?aid=app1&subscription_id=S1":                 func() error { return c.Resume(ctx, "S1") },
		"/api/v3/publisher/subscription/update?aid=app1&auto_renew=true&subscription_id=S1": func() error { on := true; return c.Update(ctx, "S1", piano.Update{AutoRenew: &on}) },
		"/api/v3/publisher/term/change/cancel?aid=app1&subscription_from=S1":                func() error { return c.CancelChange(ctx, "S1") },
		"/api/v3/publisher/term/change/can?aid=app1&subscription_id=S1": func() error {
			if yes, err := c.CanChange(ctx, "S1"); err != nil || !yes {
				return fmt.Errorf("%v, %w", yes, err)
			}
			return nil
		},
		"/api/v3/publisher/term/change/do?aid=app1&billing_timing=1&immediate_access=true&prorate_access=false&subscription_from=S1&term_to=T2&uid=u1": func() error {
			return c.Change(ctx, piano.TermChange{UserID: "u1", SubscriptionID: "S1", ToTerm: "T2", Billing: piano.BillAtPeriodEnd, ImmediateAccess: true})
		},
	} {
		if err := act(); err != nil {
			t.Error(err)
		}
		if got := a.asked[len(a.asked)-1]; got != want {
			t.Errorf("asked %s, want %s", got, want)
		}
	}
	answer = `{"code":0,"data":false}`
	if err := c.Resume(ctx, "S1"); !errors.Is(err, piano.ErrRefused) {
		t.Errorf("false: %v", err)
	}
	for given, want := range map[string]error{`{"code":0,"subscription":{"subscription_id":"S1","auto_renew":true}}`: nil, `{"code":0,"data":false}`: piano.ErrRefused,
		`{"code":0,"subscription":{"subscription_id":"S1","auto_renew":false}}`: piano.ErrOutcomeUnknown, `{"code":0,"subscription":{"auto_renew":true}}`: piano.ErrOutcomeUnknown} {
		answer = given
		on := true
		if err := c.Update(ctx, "S1", piano.Update{AutoRenew: &on}); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("update answers %s: %v", given, err)
		}
	}
	answer = `{"code":0,"data":"sure"}`
	if err := c.Resume(ctx, "S1"); !errors.Is(err, piano.ErrOutcomeUnknown) {
		t.Errorf("nonsense: %v", err)
	}
	for text, want := range map[string]piano.ChangeStatus{
		`"data":1`: piano.ChangeFailed, `"data":{"status":3}`: piano.ChangeSuspended,
		`"subscription_upgrade_status":{"status":3}`: piano.ChangeSuspended, `"SubscriptionUpgradeStatus":{"status":3}`: piano.ChangeSuspended,
		`"subscription_upgrade_status":{"status":3},"cancellable":true`: piano.ChangeSuspended, `"status":3,"cancellable":true`: piano.ChangeSuspended,
	} {
		answer = `{"code":0,` + text + `}`
		if got, err := c.ChangeStatus(ctx, "u1", "S1"); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, none := range []string{`{"code":0,"data":null}`, `{"code":0,"ts":1}`, `{"code":0,"subscription_upgrade_status":null}`} {
		answer = none
		if _, err := c.ChangeStatus(ctx, "u1", "S1"); !errors.Is(err, piano.ErrNoStatus) {
			t.Errorf("%s: %v", none, err)
		}
	}
}

// The API's own word about waiting goes before ours, and the rate is kept.
func TestRequests_WaitAsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		cfg := piano.Defaults()
		cfg.AID, cfg.Token, cfg.Rate = "app1", token, 2
		c, err := piano.New(cfg, nil, zap.NewNop(), piano.Hooks{})
		if err != nil {
			t.Fatal(err)
		}
		piano.SetTransport(c, roundTrip(func(*http.Request) (*http.Response, error) {
			if tries++; tries == 1 {
				return response(429, "", http.Header{"Retry-After": {"77"}}), nil
			}
			return response(200, found, nil), nil
		}))
		begun := time.Now()
		if _, err := c.Get(t.Context(), "S1"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took != 77*time.Second {
			t.Errorf("waited %v, the API wants 77 s", took)
		}
		begun = time.Now()
		for range 10 {
			if _, err := c.Get(t.Context(), "S1"); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took < 4500*time.Millisecond {
			t.Errorf("ten requests in %v, at two a second", took)
		}
	})
}

// A wait that is too long for the program is the longest that it makes, and none is lost.
func TestRequests_BoundTheWait(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1": time.Second, "599": 599 * time.Second, "601": 10 * time.Minute, "9223372037": 10 * time.Minute,
		"99999999999999999999": 10 * time.Minute, "Fri, 31 Dec 9999 23:59:59 GMT": 10 * time.Minute,
	} {
		synctest.Test(t, func(t *testing.T) {
			c, times := offline(t, func(attempt int) *http.Response {
				if attempt == 1 {
					return response(429, "", http.Header{"Retry-After": {text}})
				}
				return response(200, found, nil)
			})
			if _, err := c.Get(t.Context(), "S1"); err != nil {
				t.Fatal(err)
			}
			if waited := (*times)[1].Sub((*times)[0]); waited != want {
				t.Errorf("Retry-After %s: waited %v, want %v", text, waited, want)
			}
		})
	}
}

func TestRequests_EndWithTheirContext(t *testing.T) {
	release := make(chan struct{})
	_, c, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}, nil)
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Get(ctx, "S1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// The verb does not say what may be repeated: Piano answers these reads by POST.
func TestReads_ByPostAreTriedAgain(t *testing.T) {
	for name, read := range map[string]func(context.Context, *piano.Client) error{
		"can": func(ctx context.Context, c *piano.Client) error { _, err := c.CanChange(ctx, "S1"); return err },
		"status": func(ctx context.Context, c *piano.Client) error {
			_, err := c.ChangeStatus(ctx, "u1", "S1")
			return err
		},
	} {
		var a *api
		a, c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				t.Errorf("%s is a %s", r.URL.Path, r.Method)
			}
			if a.count() <= 2 {
				w.WriteHeader(500)
				return
			}
			_, _ = w.Write([]byte(`{"code":0,"data":` + map[string]string{"can": "true", "status": "1"}[name] + `}`))
		}, nil)
		if err := read(t.Context(), c); err != nil || a.count() != 3 {
			t.Errorf("%s: %v after %d requests", name, err, a.count())
		}
	}
}
