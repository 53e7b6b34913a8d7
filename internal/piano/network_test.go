package piano_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano"
)

// net/http's errors once quoted an invalid answer, and Piano's message repeated the token.
func TestErrors_QuoteNoAnswerAndNoToken(t *testing.T) {
	const secret = "jane.doe@example.com"
	for name, c := range map[string]struct {
		raw  string
		want piano.Outcome
	}{
		"no HTTP":        {secret + "\r\n\r\n", piano.OutcomeNoAnswer},
		"status":         {"HTTP/1.1 " + secret + "\r\n\r\n", piano.OutcomeNoAnswer},
		"header":         {"HTTP/1.1 200 OK\r\n" + secret + "\r\n\r\n", piano.OutcomeNoAnswer},
		"length":         {"HTTP/1.1 200 OK\r\nContent-Length: " + secret + "\r\n\r\n", piano.OutcomeNoAnswer},
		"coding":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + secret + "\r\n\r\n", piano.OutcomeNoAnswer},
		"nothing":        {"", piano.OutcomeNoAnswer},
		"cut":            {"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + secret, piano.OutcomeShape},
		"busy":           {"HTTP/1.1 503 " + secret + "\r\nContent-Length: 0\r\n\r\n", piano.OutcomeBusy},
		"refused":        {refusal(`{"code":7,"message":"` + token + ` of ` + secret + `"}`), piano.OutcomeRefused},
		"no access":      {"HTTP/1.1 403 " + secret + "\r\nContent-Length: 0\r\n\r\n", piano.OutcomeAccess},
		"another answer": {refusal(`{"code":0,"` + token + `":7}`), piano.OutcomeDone}, // the envelope is as it should be
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				_, _ = conn.Write([]byte(c.raw))
			}))
			defer server.Close()
			cfg := piano.Defaults()
			cfg.BaseURL, cfg.AID, cfg.Token, cfg.Rate = server.URL, "app1", token, 10_000
			cfg.Retry = piano.Retry{Initial: time.Millisecond, Max: time.Millisecond, Attempts: 2}
			var mu sync.Mutex
			met := map[piano.Outcome]int{}
			client, err := piano.New(cfg, nil, zap.NewNop(), piano.Hooks{OnRequest: func(_ string, _ int, outcome piano.Outcome, _ time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				met[outcome]++
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			err = client.Check(t.Context())
			if err == nil || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), token) {
				t.Errorf("got %v", err)
			}
			if met[c.want] == 0 || len(met) != 1 {
				t.Errorf("outcomes %v, want %s alone", met, c.want)
			}
		})
	}
}

// refusal is a whole answer with that body.
func refusal(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}
