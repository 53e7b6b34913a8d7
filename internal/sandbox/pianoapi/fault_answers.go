package pianoapi

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answer writes the response of respond, or a fault.
func (m *faultInjector) answer(w http.ResponseWriter, r *http.Request, endpoint string, respond func(http.ResponseWriter)) {
	switch fault := m.draw(endpoint); fault {
	case ErrorCode:
		text(w, http.StatusOK, "application/json", `{"code":2999,"ts":1767225600,"message":"Not now","validation_errors":{"aid":"is out of order"}}`)
	case Unauthorized:
		text(w, http.StatusUnauthorized, "application/json", `{"code":2,"ts":1767225600,"message":"Access denied"}`)
	case Forbidden:
		text(w, http.StatusForbidden, "text/plain", "Forbidden")
	case TooManyRequests:
		w.Header().Set("Retry-After", strconv.Itoa(int(m.cfg.RetryAfter/time.Second)))
		text(w, http.StatusTooManyRequests, "text/plain", "Too Many Requests")
	case ServerError:
		text(w, http.StatusInternalServerError, "text/plain", "Internal Server Error")
	case HTMLPage:
		text(w, http.StatusOK, "text/html", "<!DOCTYPE html><html><body><h1>We will be back soon</h1></body></html>")
	case TruncatedBody, UnexpectedShape, LostAnswer:
		whole := &bufferedAnswer{header: http.Header{}}
		respond(whole)
		switch fault {
		case TruncatedBody:
			truncate(w, whole.body.Bytes())
		case UnexpectedShape:
			text(w, http.StatusOK, "application/json", unexpectedShape(whole.body.String()))
		default:
			text(w, http.StatusInternalServerError, "text/plain", "Internal Server Error")
		}
	case DroppedAnswer:
		respond(&bufferedAnswer{header: http.Header{}})
		panic(http.ErrAbortHandler)
	case DroppedRequest:
		panic(http.ErrAbortHandler)
	case SlowAnswer:
		whole := &bufferedAnswer{header: http.Header{}}
		respond(whole)
		late := time.NewTimer(m.cfg.Slow)
		defer late.Stop()
		select {
		case <-late.C:
			_, _ = w.Write(whole.body.Bytes())
		case <-r.Context().Done():
		}
	default:
		respond(w)
	}
}

// unexpectedShape returns an answer whose payload has another type.
func unexpectedShape(body string) string {
	for _, key := range []string{"subscriptions", "subscription", "data", "export_id", "job_status", "url"} {
		if _, after, ok := strings.Cut(body, `"`+key+`":`); ok && after != "" {
			return `{"code":0,"ts":1767225600,"total":1,"count":1,"` + key + `":{"moved":[1]}}`
		}
	}
	return `[]`
}

// truncate announces the complete body, writes half of it, and closes the
// connection.
func truncate(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body[:len(body)/2])
	panic(http.ErrAbortHandler)
}

// text writes a complete answer.
func text(w http.ResponseWriter, status int, kind, body string) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the client has disconnected
}

// bufferedAnswer collects an answer without sending it.
type bufferedAnswer struct {
	header http.Header
	body   bytes.Buffer
}

func (w *bufferedAnswer) Header() http.Header         { return w.header }
func (w *bufferedAnswer) WriteHeader(int)             {}
func (w *bufferedAnswer) Write(p []byte) (int, error) { return w.body.Write(p) }
