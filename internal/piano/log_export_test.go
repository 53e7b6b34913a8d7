package piano_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/piano"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func response(status int, body string, header http.Header) *http.Response {
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}
}

// job plays an export that takes a few questions until it has the given status.
func job(t *testing.T, status string, polls int, envelope bool) (*api, *piano.Client) {
	file := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("api_token") != "" {
			t.Error("the token was sent to where the file lies")
		}
		_, _ = w.Write([]byte("Subscription ID\nS1\n"))
	}))
	t.Cleanup(file.Close)
	asked := 0
	wrap := func(w http.ResponseWriter, object string) {
		if envelope {
			object = `{"code":0,"ts":1,"data":` + object + `}`
		}
		_, _ = w.Write([]byte(object))
	}
	a, c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/rest/export/schedule/vx/subscriptionLog":
			if r.Form.Get("start_date_from") != "2025-01-01" || r.Form.Get("start_date_to") != "2026-06-30" || len(r.Form["attribute_groups"]) != 7 {
				t.Errorf("asked for %v", r.Form)
			}
			wrap(w, `{"export_id":"E1","job_status":"CREATED"}`)
		case "/rest/export/status":
			now := "IN_PROGRESS"
			if asked++; asked > polls {
				now = status
			}
			wrap(w, fmt.Sprintf(`{"export_id":"E1","job_status":%q,"error_text":"by kari@example.com"}`, now))
		case "/rest/export/download/url":
			wrap(w, fmt.Sprintf(`{"url":%q}`, file.URL+"/f.csv?permission=canary"))
		}
	}, nil)
	return a, c
}

func TestExport(t *testing.T) {
	from, to := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)
	for _, envelope := range []bool{false, true} {
		var dst bytes.Buffer
		_, c := job(t, "FINISHED", 3, envelope)
		if err := c.Export(t.Context(), from, to, time.Millisecond, &dst); err != nil || dst.String() != "Subscription ID\nS1\n" {
			t.Errorf("got %q, %v", dst.String(), err)
		}
	}
	for status, want := range map[string]error{"FAILED": piano.ErrExport, "REMOVED": piano.ErrExport, "INTERNAL_ERROR": piano.ErrExport, "WHAT": piano.ErrShape} {
		_, c := job(t, status, 1, false)
		err := c.Export(t.Context(), from, to, time.Millisecond, io.Discard)
		if !errors.Is(err, want) || strings.Contains(err.Error(), "kari") {
			t.Errorf("%s: %v", status, err)
		}
	}
	_, c := job(t, "FINISHED", 1<<30, false)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Export(ctx, from, to, time.Millisecond, io.Discard); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an export that never ends: %v", err)
	}
}
