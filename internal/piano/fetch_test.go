package piano_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/pianola/pianola/internal/piano"
)

// A broken connection does not lose a file that Piano took an hour to create. The client
// requests a new address and fetches the file from its start; it schedules no new export.
// A refusal is returned immediately.
func TestExport_FetchesAgain(t *testing.T) {
	cut := func(err error) func(*http.Request) (*http.Response, error) {
		return func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(io.MultiReader(strings.NewReader("a longer half of "), iotest.ErrReader(err)))}, nil
		}
	}
	answered := func(status int, header http.Header) func(*http.Request) (*http.Response, error) {
		return func(*http.Request) (*http.Response, error) { return response(status, "canary", header), nil }
	}
	stalls := func(r *http.Request) (*http.Response, error) {
		body, end := io.Pipe()
		context.AfterFunc(r.Context(), func() { _ = end.CloseWithError(r.Context().Err()) })
		return &http.Response{StatusCode: 200, Body: body}, nil
	}
	refused := func(err error) func(*http.Request) (*http.Response, error) {
		return func(*http.Request) (*http.Response, error) { return nil, err }
	}
	for name, c := range map[string]struct {
		goesWrong func(*http.Request) (*http.Response, error)
		times     int
		fetched   int // how often
		whole     bool
		least     time.Duration
	}{
		"cut":             {goesWrong: cut(io.ErrUnexpectedEOF), times: 2, fetched: 3, whole: true},
		"reset":           {goesWrong: cut(&net.OpError{Op: "read", Err: errors.New("connection reset")}), times: 2, fetched: 3, whole: true},
		"stalled":         {goesWrong: stalls, times: 2, fetched: 3, whole: true, least: time.Minute},
		"not_connected":   {goesWrong: refused(&net.OpError{Op: "dial", Err: errors.New("connection refused")}), times: 2, fetched: 3, whole: true},
		"failing":         {goesWrong: answered(503, nil), times: 2, fetched: 3, whole: true},
		"busy":            {goesWrong: answered(429, http.Header{"Retry-After": {"77"}}), times: 1, fetched: 2, whole: true, least: 77 * time.Second},
		"cut_for_ever":    {goesWrong: cut(io.ErrUnexpectedEOF), times: 9, fetched: 3},
		"forbidden":       {goesWrong: answered(403, nil), times: 9, fetched: 1},
		"not_there":       {goesWrong: answered(404, nil), times: 9, fetched: 1},
		"of_nobody_known": {goesWrong: refused(x509.UnknownAuthorityError{}), times: 9, fetched: 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			client, _ := offline(t, nil)
			scheduled, addresses, fetched := 0, 0, 0
			piano.SetTransport(client, roundTrip(func(r *http.Request) (*http.Response, error) {
				switch {
				case strings.HasSuffix(r.URL.Path, "/subscriptionLog"):
					scheduled++
					return response(200, `{"export_id":"E1"}`, nil), nil
				case strings.HasSuffix(r.URL.Path, "/status"):
					return response(200, `{"job_status":"FINISHED"}`, nil), nil
				case strings.HasSuffix(r.URL.Path, "/url"):
					addresses++
					return response(200, fmt.Sprintf(`{"url":"https://files.example.com/f?permission=%d"}`, addresses), nil), nil
				}
				fetched++
				if got := r.URL.Query().Get("permission"); got != fmt.Sprint(fetched) {
					t.Errorf("%s: fetch %d with permission %s", name, fetched, got)
				}
				if fetched <= c.times {
					return c.goesWrong(r)
				}
				return response(200, "the file", nil), nil
			}))
			var dst bytes.Buffer
			begun := time.Now()
			err := client.Export(t.Context(), begun, begun, time.Millisecond, func() (io.Writer, error) { dst.Reset(); return &dst, nil })
			if c.whole != (err == nil && dst.String() == "the file") || scheduled != 1 || fetched != c.fetched || strings.Contains(fmt.Sprint(err), "canary") {
				t.Errorf("%s: %v, %q; scheduled %d times, fetched %d", name, err, dst.String(), scheduled, fetched)
			}
			if took := time.Since(begun); took < c.least || took > c.least+time.Minute {
				t.Errorf("%s: took %v", name, took)
			}
		})
	}
}

// Where there is no time for another fetch the error says so beside what went wrong.
func TestExport_FetchesNoLongerThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := offline(t, nil)
		piano.SetTransport(client, made(func(*http.Request) (*http.Response, error) {
			return response(503, "", http.Header{"Retry-After": {"77"}}), nil
		}))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := client.Export(ctx, time.Now(), time.Now(), time.Millisecond, into(io.Discard))
		if !errors.Is(err, piano.ErrBusy) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "timed out before a retry") {
			t.Error(err)
		}
	})
}

// A file that is larger than any log is not written completely, whether its size is
// announced or not, and is not fetched again.
func TestExport_BoundsTheFile(t *testing.T) {
	for name, announced := range map[string]int64{"announced": 1 << 40, "not_announced": -1} {
		client, _ := offline(t, nil)
		piano.SetMaxExport(client, 1000)
		fetched := 0
		piano.SetTransport(client, made(func(*http.Request) (*http.Response, error) {
			fetched++
			return &http.Response{StatusCode: 200, ContentLength: announced, Body: io.NopCloser(io.LimitReader(endless{}, 1<<20))}, nil
		}))
		var dst bytes.Buffer
		err := client.Export(t.Context(), time.Now(), time.Now(), time.Millisecond, into(&dst))
		if !errors.Is(err, piano.ErrShape) || !strings.Contains(err.Error(), "larger than") || dst.Len() > 1001 || fetched != 1 {
			t.Errorf("%s: %v, %d bytes, fetched %d times", name, err, dst.Len(), fetched)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte("x"), len(p))), nil }
