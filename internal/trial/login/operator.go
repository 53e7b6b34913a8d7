package login

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/trial/harness"
)

// commands runs the commands that connect to the servers or show the configuration, as an
// operator does.
func (s *scenario) commands(ctx context.Context) error {
	s.Settings = map[string]string{ // as long as they take
		"clickhouse.insert_timeout": "20s", "clickhouse.dial_timeout": "20s",
		"kafka.rebalance_timeout": "60s", "kafka.dial_timeout": "20s", "kafka.request_timeout": "20s",
	}
	defer func() { s.Settings = nil }()
	for _, c := range []struct {
		arguments string
		statuses  []int // that are right
		says      string
	}{
		{"config show", []int{0}, "***"},
		{"config show --json", []int{0}, "***"},
		{"config validate --connect", []int{0}, "kafka: ok"},
		{"migrate", []int{0}, "the schema is at version"},
		// A process was killed: there may be findings for messages that it was storing.
		{"audit", []int{0, 3}, s.Topic},
		{"dlq list", []int{0, 3}, ""},
		{"dlq redrive", []int{0, 3}, ""},
	} {
		arguments := strings.Fields(c.arguments)
		o, err := s.Command(ctx, arguments...)
		if err != nil {
			return err
		}
		out := string(o.Stdout) + string(o.Stderr)
		s.secrets.search("pianola "+c.arguments, out)
		if !slices.Contains(c.statuses, o.Status) {
			return fmt.Errorf("pianola %s: exit status %d: %s", c.arguments, o.Status, out)
		}
		if !strings.Contains(out, c.says) {
			return fmt.Errorf("pianola %s does not say %q: %s", c.arguments, c.says, out)
		}
		s.Count("pianola "+arguments[0], 1)
	}
	return s.secrets.found()
}

// searchPages looks for secrets on all pages of a process.
func (s *scenario) searchPages(ctx context.Context, p *harness.Process) error {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for _, page := range []string{"/", "/livez", "/readyz", "/metrics"} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Pages()+page, nil)
		if err != nil {
			return fmt.Errorf("get %s: %w", page, err)
		}
		response, err := client.Do(request)
		if err != nil {
			return fmt.Errorf("get %s: %w", page, err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			return fmt.Errorf("read %s: %w", page, err)
		}
		s.secrets.search("the page "+page, string(text))
	}
	return s.secrets.found()
}
