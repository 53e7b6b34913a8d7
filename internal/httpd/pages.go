package httpd

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// index tells a person what there is.
const index = `pianola

/livez    is the process doing its work
/readyz   are Kafka, ClickHouse and the schema there too (?format=json for machines)
/metrics  counters and durations for Prometheus
`

func serveIndex(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(index)) // the reader has gone; there is nobody to tell
}

// serveReport answers 200 when every check holds and 503 otherwise, as text or,
// with ?format=json or an Accept header that asks for it, as JSON.
func serveReport(p *prober) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		report := p.report()
		status := http.StatusOK
		if !report.OK {
			status = http.StatusServiceUnavailable
		}
		w.Header().Set("Cache-Control", "no-store")
		if wantsJSON(r) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(report) // as above
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(report.Text())) // as above
	}
}

// Text has one line for all and one for each check: what is wrong first meets
// the eye.
func (r Report) Text() string {
	var b strings.Builder
	if r.OK {
		b.WriteString("ok\n")
	} else {
		b.WriteString("not ok\n")
	}
	for _, state := range r.Checks {
		if state.OK {
			fmt.Fprintf(&b, "  ok      %s\n", state.Name)
		} else {
			fmt.Fprintf(&b, "  FAILED  %s: %s\n", state.Name, state.Error)
		}
	}
	return b.String()
}

func wantsJSON(r *http.Request) bool {
	return r.URL.Query().Get("format") == "json" || strings.Contains(r.Header.Get("Accept"), "application/json")
}
