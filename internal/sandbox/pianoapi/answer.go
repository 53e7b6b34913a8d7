package pianoapi

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Piano's codes that are known, and one that is ours: Piano's for bad parameters
// has not been seen.
const (
	codeAccess       = 2
	codeInvalid      = 1
	codeNoChange     = 1012
	codeNextBill     = 8001
	codeCancelFailed = 8002
	codeNotFound     = 8005
)

// answer is what goes into an envelope, or an error: also those come with status
// 200.
type answer struct {
	key     string
	payload any
	page    *page // of a list
	bare    bool  // without an envelope, as the reports API answers
	status  int   // of HTTP; 0 is 200

	code    int
	message string
	invalid map[string]string
}

// page describes what part of a list an answer is.
type page struct{ limit, offset, total, count int }

func succeeded(key string, payload any) answer { return answer{key: key, payload: payload} }

func failed(code int, message string) answer { return answer{code: code, message: message} }

// invalid is the error of one parameter.
func invalid(parameter, what string) answer {
	return answer{code: codeInvalid, message: "Validation failed", invalid: map[string]string{parameter: what}}
}

// refusal is an answer with a code, as an error.
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
		_ = out.Encode(a.payload) // the client has gone
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

// number reads a parameter that must be a whole number of at least low.
func number(r *http.Request, name string, low int) (int, bool) {
	n, err := strconv.Atoi(r.Form.Get(name))
	return n, err == nil && n >= low
}

// flag reads a parameter that must be true or false.
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

// instant reads a date: seconds since 1970, in UTC.
func instant(r *http.Request, name string) (time.Time, bool) {
	n, err := strconv.ParseInt(r.Form.Get(name), 10, 64)
	return time.Unix(n, 0).UTC(), err == nil && n > 0
}
