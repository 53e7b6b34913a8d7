package piano

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
)

// errNoJSON: the answer is something else, such as an HTML page of a proxy. It is often
// temporary, so it is retried.
var errNoJSON = errors.New("no JSON")

// errNoEnvelope: the object has no code.
var errNoEnvelope = fmt.Errorf("%w: code is missing", ErrShape)

// envelope is the object around every answer. The documented key of a payload is often
// not the one that is sent, so the payload is what remains without the envelope's keys.
type envelope struct {
	Code    *int   `json:"code"`
	Message string `json:"message"`
	Total   *int   `json:"total"`
	Offset  *int   `json:"offset"`
	Count   *int   `json:"count"`
	// Invalid is an object of texts by field, or absent.
	Invalid json.RawMessage `json:"validation_errors"`
	Codes   json.RawMessage `json:"error_code_list"`

	payload json.RawMessage // nil without one
}

var envelopeKeys = []string{"code", "ts", "limit", "offset", "total", "count", "message", "validation_errors", "error_code_list"}

// open opens the envelope of an answer with status 200. A code that is not 0 is an
// error.
func (r request) open(body []byte) (*envelope, error) {
	e, err := open(body, r.endpoint.payload)
	if r.endpoint.reports && errors.Is(err, errNoEnvelope) {
		return &envelope{payload: body}, nil // the reports API may answer without an envelope
	}
	if err != nil {
		return nil, &Error{Endpoint: r.endpoint.path, Status: http.StatusOK, cause: r.unknown(err)}
	}
	if *e.Code != 0 {
		return nil, r.refused(http.StatusOK, e)
	}
	return e, nil
}

func open(body []byte, known []string) (*envelope, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		if trimmed := bytes.TrimSpace(body); len(trimmed) > 0 && trimmed[0] == '<' {
			return nil, fmt.Errorf("%w: %w: a page of HTML", ErrShape, errNoJSON)
		}
		return nil, fmt.Errorf("%w: %w, or cut", ErrShape, errNoJSON)
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, shape("", err)
	}
	if e.Code == nil {
		return nil, errNoEnvelope
	}
	if *e.Code != 0 {
		return &e, nil // an error has no payload
	}
	e.payload = payloadOf(fields, known, body)
	return &e, nil
}

// payloadOf returns the value of a known key, or else of the only other key. Several
// unknown keys are the payload themselves: some answers have no key around it.
func payloadOf(fields map[string]json.RawMessage, known []string, body []byte) json.RawMessage {
	for _, key := range known {
		if value, ok := fields[key]; ok {
			return value
		}
	}
	var only json.RawMessage
	others := 0
	for key, value := range fields {
		if !slices.Contains(envelopeKeys, key) {
			only = value
			others++
		}
	}
	if others > 1 {
		return body
	}
	return only
}

// errUnknownCode: the code may mean a refusal, or a failure in the middle of a change.
var errUnknownCode = errors.New("unknown code")

// refused is the error of an answer with a code.
func (r request) refused(status int, e *envelope) error {
	code, known := codes[*e.Code]
	cause := code.cause
	if !known && len(e.Invalid) == 0 {
		cause = errUnknownCode
	}
	if r.endpoint.Changes() && (!known || code.unclear) && len(e.Invalid) == 0 {
		// A failure of Piano also has a code and status 200.
		cause = r.unknown(cause)
	}
	refused := &Error{Endpoint: r.endpoint.path, Status: status, Code: *e.Code, Message: sentence(e.Message), Hint: code.hint, cause: cause}
	var invalid map[string]json.RawMessage
	if json.Unmarshal(e.Invalid, &invalid) == nil {
		for field, what := range invalid {
			refused.Invalid = append(refused.Invalid, parameter(field)+": "+validation(what))
		}
		slices.Sort(refused.Invalid)
	}
	return refused
}

// refusal is that error for an answer whose status is not 200; nil where the body is not
// in the form of the API.
func (r request) refusal(status int, body []byte) error {
	if e, err := open(body, nil); err == nil && *e.Code != 0 {
		return r.refused(status, e)
	}
	return nil
}

// shape turns an error of encoding/json into one that names the field and contains no
// value.
func shape(path string, err error) error {
	var mistyped *json.UnmarshalTypeError
	if !errors.As(err, &mistyped) {
		return fmt.Errorf("%w: %s is invalid", ErrShape, orAnswer(path))
	}
	if mistyped.Field != "" {
		if path != "" {
			path += "."
		}
		path += mistyped.Field
	}
	got, _, _ := strings.Cut(mistyped.Value, " ") // "number 1.5" contains the value
	return fmt.Errorf("%w: %s: want %s, got %s", ErrShape, orAnswer(path), kindOf(mistyped.Type), got)
}

// kindOf names a JSON type.
func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Float64:
		return "number"
	case reflect.Slice:
		return "array"
	case reflect.Struct, reflect.Map:
		return "object"
	default:
		return "text"
	}
}

func orAnswer(path string) string {
	if path == "" {
		return "the answer"
	}
	return path
}
