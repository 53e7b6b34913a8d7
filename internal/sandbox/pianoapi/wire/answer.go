package wire

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// Answer is the content of a response, or an error. Errors have status 200, too.
type Answer struct {
	Key     string // of the payload; empty leaves the payload out
	Payload any
	Page    *Page // of a list
	Spread  bool  // Payload is a map whose fields have no key of their own
	Bare    bool  // without an envelope, as in the reports API
	Status  int   // of HTTP; 0 is 200

	Code    int
	Message string
	Invalid map[string]string // by parameter
}

// Page is the position of an answer in a list.
type Page struct{ Limit, Offset, Total, Count int }

// Succeeded returns a payload under its key.
func Succeeded(key string, payload any) Answer { return Answer{Key: key, Payload: payload} }

// Fields is an answer whose fields are beside those of the envelope.
func Fields(fields map[string]any) Answer { return Answer{Payload: fields, Spread: true} }

// Empty is the answer of a call that returns nothing.
func Empty() Answer { return Answer{} }

// Failed returns an error of Piano.
func Failed(code int, message string) Answer { return Answer{Code: code, Message: message} }

// Invalid returns the error of one parameter.
func Invalid(parameter, what string) Answer {
	return Answer{Code: CodeInvalid, Message: "Validation failed", Invalid: map[string]string{parameter: what}}
}

// Error is an answer with a code, as an error.
type Error struct {
	Code    int
	Message string
}

func (e *Error) Error() string { return "code " + strconv.Itoa(e.Code) + ": " + e.Message }

// Outcome returns the answer of an action. An *Error is the answer of Piano. Any other
// error is a failure of the server.
func Outcome(key string, payload any, err error) Answer {
	var failure *Error
	switch {
	case err == nil:
		return Succeeded(key, payload)
	case errors.As(err, &failure):
		return Failed(failure.Code, failure.Message)
	default:
		return Answer{Bare: true, Status: http.StatusInternalServerError, Payload: "Internal Server Error"}
	}
}

// Done reports whether the request did what it asked for.
func (a *Answer) Done() bool {
	return a.Code == 0 && a.Status < http.StatusMultipleChoices && a.Payload != false
}

// Write writes the answer. now is the time in its envelope.
func (a *Answer) Write(w http.ResponseWriter, now time.Time) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	if a.Status != 0 {
		w.WriteHeader(a.Status)
	}
	out := json.NewEncoder(w)
	if a.Bare {
		_ = out.Encode(a.Payload) // the client has disconnected
		return
	}
	fields := map[string]any{"code": a.Code, "ts": now.Unix()}
	if a.Code != 0 {
		fields["message"] = a.Message
		if a.Invalid != nil {
			fields["validation_errors"] = a.Invalid
		}
	} else if a.Spread {
		maps.Copy(fields, a.Payload.(map[string]any))
	} else if a.Key != "" {
		fields[a.Key] = a.Payload
	}
	if p := a.Page; p != nil {
		fields["limit"], fields["offset"], fields["total"], fields["count"] = p.Limit, p.Offset, p.Total, p.Count
	}
	_ = out.Encode(fields)
}
