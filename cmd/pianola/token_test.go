package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// TestSubscriptionShow_WithARotatedToken: Piano rejects the first token, and the file has the
// next one.
func TestSubscriptionShow_WithARotatedToken(t *testing.T) {
	file := write(t, "token", "canary-old-token\n")
	valid := "canary-new-token"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("api_token") != valid:
			if err := os.WriteFile(file, []byte(valid+"\n"), 0o600); err != nil {
				t.Error(err)
			}
			w.WriteHeader(http.StatusUnauthorized)
		case strings.HasSuffix(r.URL.Path, "/subscription/get"):
			_, _ = w.Write([]byte(`{"code":0,"subscription":{"subscription_id":"S1","status":"active"}}`))
		default:
			_, _ = w.Write([]byte(`{"code":0,"features":{}}`))
		}
	}))
	defer server.Close()
	got := call(t, []string{"PIANOLA_PIANO_BASE_URL=" + server.URL, "PIANOLA_PIANO_AID=app", "PIANOLA_CLICKHOUSE_ADDR=127.0.0.1:1", "PIANOLA_PIANO_API_TOKEN_FILE=" + file}, "", "subscription", "show", "S1")
	if got.code != exitDone || !strings.Contains(got.stdout, "subscription S1") || strings.Contains(got.stdout+got.stderr, "canary") {
		t.Errorf("%+v", got)
	}
}
