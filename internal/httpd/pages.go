package httpd

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/pianola/pianola/internal/safetext"
)

// index lists the pages.
const index = `pianola

/livez    liveness: the process is working
/readyz   readiness: partitions are assigned, ClickHouse answers, the schema fits (?format=json)
/metrics  metrics for Prometheus
`

func serveIndex(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(index)) // the client has closed the connection
}

// serveReport returns 200 when all checks pass and 503 otherwise. The body is text, or
// JSON with ?format=json or a matching Accept header.
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
			_ = json.NewEncoder(safetext.Writer(w)).Encode(report) // as above
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = safetext.Writer(w).Write([]byte(report.Text())) // as above
	}
}

// Text has a line for the result and one for each check.
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
