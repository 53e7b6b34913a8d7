package pianoapi

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// The known codes of Piano.
const (
	codeAccess       = 2
	codeInvalid      = 400
	codeInvalidAID   = 402
	codeNoChange     = 1012
	codeNextBill     = 8001
	codeCancelFailed = 8002
	codeNotFound     = 8005
)

// answer is the content of a response, or an error. Errors have status 200, too.
type answer struct {
	key     string
	payload any
	page    *page // of a list
	bare    bool  // without an envelope, as in the reports API
	status  int   // of HTTP; 0 is 200

	code    int
	message string
	invalid map[string]string
}

// page is the position of an answer in a list.
type page struct{ limit, offset, total, count int }

func succeeded(key string, payload any) answer { return answer{key: key, payload: payload} }

func failed(code int, message string) answer { return answer{code: code, message: message} }

// invalid returns the error of one parameter.
func invalid(parameter, what string) answer {
	return answer{code: codeInvalid, message: "Validation failed", invalid: map[string]string{parameter: what}}
}

// apiError is an answer with a code, as an error.
type apiError struct {
	code    int
	message string
}

func (r *apiError) Error() string { return "code " + strconv.Itoa(r.code) + ": " + r.message }

func (s *Server) write(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	out := json.NewEncoder(w)
	if a.bare {
		_ = out.Encode(a.payload) // the client has disconnected
		return
	}
	fields := map[string]any{"code": a.code, "ts": s.cfg.Now().Unix()}
	if a.code != 0 {
		fields["message"] = a.message
		if a.invalid != nil {
			fields["validation_errors"] = a.invalid
		}
	} else if a.key != "" {
		fields[a.key] = a.payload
	}
	if p := a.page; p != nil {
		fields["limit"], fields["offset"], fields["total"], fields["count"] = p.limit, p.offset, p.total, p.count
	}
	_ = out.Encode(fields)
}

// number parses a whole number of at least low.
func number(r *http.Request, name string, low int) (int, bool) {
	n, err := strconv.Atoi(r.Form.Get(name))
	return n, err == nil && n >= low
}

// flag parses true or false.
func flag(r *http.Request, name string) (value, ok bool) {
	switch r.Form.Get(name) {
	case "true":
		return true, true
	case "false":
		return false, true
	default:
		return false, false
	}
}

// instant parses a date in seconds since 1970, UTC.
func instant(r *http.Request, name string) (time.Time, bool) {
	n, err := strconv.ParseInt(r.Form.Get(name), 10, 64)
	return time.Unix(n, 0).UTC(), err == nil && n > 0
}
