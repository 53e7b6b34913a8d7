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
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func response(status int, body string, header http.Header) *http.Response {
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}
}

// made plays an export that is made at once; file answers every fetch.
func made(file roundTrip) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/subscriptionLog"):
			return response(200, `{"export_id":"E1"}`, nil), nil
		case strings.HasSuffix(r.URL.Path, "/status"):
			return response(200, `{"job_status":"FINISHED"}`, nil), nil
		case strings.HasSuffix(r.URL.Path, "/url"):
			return response(200, `{"url":"https://files.example.com/f"}`, nil), nil
		}
		return file(r)
	}
}

// into begins the same writer each time.
func into(dst io.Writer) func() (io.Writer, error) {
	return func() (io.Writer, error) { return dst, nil }
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
			now := []string{"QUEUED", "IN_PROGRESS", "RUNNING", "REPROCESS", "DUPLICATE"}[asked%5]
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
		_, c := job(t, "FINISHED", 5, envelope)
		if err := c.Export(t.Context(), from, to, time.Millisecond, into(&dst)); err != nil || dst.String() != "Subscription ID\nS1\n" {
			t.Errorf("got %q, %v", dst.String(), err)
		}
	}
	for status, want := range map[string]error{"FAILED": piano.ErrExport, "REMOVED": piano.ErrExport, "INTERNAL_ERROR": piano.ErrExport, "WHAT": piano.ErrShape} {
		_, c := job(t, status, 1, false)
		err := c.Export(t.Context(), from, to, time.Millisecond, into(io.Discard))
		if !errors.Is(err, want) || strings.Contains(err.Error(), "kari") {
			t.Errorf("%s: %v", status, err)
		}
	}
	_, c := job(t, "FINISHED", 1<<30, false)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Export(ctx, from, to, time.Millisecond, into(io.Discard)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an export that never ends: %v", err)
	}
}

// What schedules an export is sent once: another one would be made.
func TestExport_IsScheduledOnce(t *testing.T) {
	a, c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, nil)
	err := c.Export(t.Context(), time.Now(), time.Now(), time.Millisecond, into(io.Discard))
	if !errors.Is(err, piano.ErrOutcomeUnknown) || !strings.Contains(err.Error(), "run again") || a.count() != 1 {
		t.Errorf("%v after %d requests", err, a.count())
	}
}

// A file is fetched over https, or from this machine where the API is there too. Its server
// never receives the token, and no other server the permission in the address.
func TestExport_FetchesFromNowhereElse(t *testing.T) {
	const reports = "https://reports-api.piano.io/rest"
	for name, c := range map[string]struct {
		reports, address string
		redirect         string
		fetched          bool
	}{
		"https":                     {reports: reports, address: "https://files.example.com/f?permission=canary", fetched: true},
		"http":                      {reports: reports, address: "http://files.example.com/f?permission=canary"},
		"this_machine":              {reports: reports, address: "http://127.0.0.1:8123/?query=canary"},
		"this_machine_and_its_api":  {reports: "http://localhost:8090/rest", address: "http://127.0.0.1:8090/f?permission=canary", fetched: true},
		"an_http_api_and_elsewhere": {reports: "http://localhost:8090/rest", address: "http://files.example.com/f?permission=canary"},
		"a_login":                   {reports: reports, address: "https://canary:canary@files.example.com/f"},
		"a_file":                    {reports: reports, address: "file:///etc/canary"},
		"no_address":                {reports: reports, address: "canary"},
		"redirected":                {reports: reports, address: "https://files.example.com/f?permission=canary", redirect: "https://others.example.com/f", fetched: true},
		"redirected_to_http":        {reports: reports, address: "https://files.example.com/f?permission=canary", redirect: "http://files.example.com/f?permission=canary"},
		"redirected_here":           {reports: reports, address: "https://files.example.com/f?permission=canary", redirect: "http://169.254.169.254/canary"},
	} {
		cfg := piano.Defaults()
		cfg.ReportsURL, cfg.AID, cfg.Token, cfg.Rate = c.reports, "app1", token, 10_000
		client, err := piano.New(cfg, nil, zap.NewNop(), piano.Hooks{})
		if err != nil {
			t.Fatal(err)
		}
		var elsewhere []string
		piano.SetTransport(client, roundTrip(func(r *http.Request) (*http.Response, error) {
			switch {
			case strings.HasSuffix(r.URL.Path, "/subscriptionLog"):
				return response(200, `{"export_id":"E1"}`, nil), nil
			case strings.HasSuffix(r.URL.Path, "/status"):
				return response(200, `{"job_status":"FINISHED"}`, nil), nil
			case strings.HasSuffix(r.URL.Path, "/url"):
				return response(200, fmt.Sprintf(`{"url":%q}`, c.address), nil), nil
			}
			elsewhere = append(elsewhere, r.URL.String())
			if r.Header.Get("api_token") != "" || r.Header.Get("Referer") != "" {
				t.Errorf("%s: told elsewhere: %v", name, r.Header)
			}
			if c.redirect != "" && len(elsewhere) == 1 {
				return response(302, "", http.Header{"Location": {c.redirect}}), nil
			}
			return response(200, "the file", nil), nil
		}))
		var dst bytes.Buffer
		err = client.Export(t.Context(), time.Now(), time.Now(), time.Millisecond, into(&dst))
		if c.fetched != (err == nil && dst.String() == "the file") || !c.fetched && !errors.Is(err, piano.ErrShape) || strings.Contains(fmt.Sprint(err), "canary") {
			t.Errorf("%s: %v, %q", name, err, dst.String())
		}
		if want := map[bool]int{true: 1}[c.fetched || c.redirect != ""] + map[bool]int{true: 1}[c.fetched && c.redirect != ""]; len(elsewhere) != want {
			t.Errorf("%s: asked %v", name, elsewhere)
		}
	}
}

// full is a disk on which there is no room.
type full struct{}

var errFull = errors.New("no space left on device")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestExport_SaysWhatIsWrongWithTheFile(t *testing.T) {
	from := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	_, c := job(t, "FINISHED", 0, false)
	begun := 0
	for _, refused := range []error{nil, errFull} {
		begin := func() (io.Writer, error) { begun++; return full{}, refused }
		if err := c.Export(t.Context(), from, time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC), time.Millisecond, begin); !errors.Is(err, errFull) {
			t.Errorf("no room: %v", err)
		}
	}
	if begun != 2 {
		t.Errorf("begun %d times: it is not for want of a connection", begun)
	}
	// A file that stops in the middle for longer than piano.timeout.
	synctest.Test(t, func(t *testing.T) {
		c, _ := offline(t, nil)
		piano.SetTransport(c, made(func(r *http.Request) (*http.Response, error) {
			body, end := io.Pipe()
			context.AfterFunc(r.Context(), func() { _ = end.CloseWithError(r.Context().Err()) })
			go func() {
				for range 3 { // slow, and in time
					if _, err := end.Write([]byte("Subscription ID\n")); err != nil {
						return
					}
					<-time.After(20 * time.Second)
				}
			}()
			return &http.Response{StatusCode: 200, Body: body}, nil
		}))
		begun := time.Now()
		err := c.Export(t.Context(), from, from, time.Millisecond, into(io.Discard))
		if took := time.Since(begun).Round(time.Second); err == nil || !strings.Contains(err.Error(), "the download stalled") || took < 3*70*time.Second || took > 3*70*time.Second+10*time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}
