package login

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/internal/trial/usage"
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
	for _, page := range []string{"/", "/livez", "/readyz", "/metrics"} {
		text, err := usage.Page(ctx, p.Pages()+page)
		if err != nil {
			return err
		}
		s.secrets.search("the page "+page, text)
	}
	return s.secrets.found()
}
