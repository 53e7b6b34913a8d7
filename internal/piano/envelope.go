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

// envelope is the object around every answer; the payload is the value of any other key.
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
	key     string          // the key of the payload
}

var envelopeKeys = []string{"code", "ts", "limit", "offset", "total", "count", "message", "validation_errors", "error_code_list"}

// open opens the envelope of an answer with status 200. A code that is not 0 is an
// error.
func (r request) open(body []byte) (*envelope, error) {
	e, err := open(body)
	if r.bare && errors.Is(err, errNoEnvelope) {
		return &envelope{payload: body}, nil
	}
	if err != nil {
		return nil, &Error{Endpoint: r.endpoint, Status: http.StatusOK, cause: r.unknown(err)}
	}
	if *e.Code != 0 {
		return nil, r.refused(http.StatusOK, e)
	}
	return e, nil
}

func open(body []byte) (*envelope, error) {
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
	for key, value := range fields {
		if slices.Contains(envelopeKeys, key) {
			continue
		}
		if e.payload != nil {
			return nil, fmt.Errorf("%w: more than one payload", ErrShape)
		}
		e.key, e.payload = key, value
	}
	return &e, nil
}

// errUnknownCode: the code may mean a refusal, or a failure in the middle of a change.
var errUnknownCode = errors.New("unknown code")

// refused is the error of an answer with a code.
func (r request) refused(status int, e *envelope) error {
	hint, cause := byCode(*e.Code)
	if r.changes && hint == "" && len(e.Invalid) == 0 {
		// A failure of Piano also has a code and status 200.
		cause = r.unknown(errUnknownCode)
	}
	refused := &Error{Endpoint: r.endpoint, Status: status, Code: *e.Code, Message: shown(e.Message), Hint: hint, cause: cause}
	var invalid map[string]json.RawMessage
	if json.Unmarshal(e.Invalid, &invalid) == nil {
		for field, what := range invalid {
			var text string
			if json.Unmarshal(what, &text) != nil {
				text = "invalid"
			}
			refused.Invalid = append(refused.Invalid, shown(field)+": "+shown(text))
		}
		slices.Sort(refused.Invalid)
	}
	return refused
}

// refusal is that error for an answer whose status is not 200; nil where the body is not
// in the form of the API.
func (r request) refusal(status int, body []byte) error {
	if e, err := open(body); err == nil && *e.Code != 0 {
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
