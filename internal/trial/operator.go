package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// commands runs those of pianola's commands that speak to the servers or show the
// configuration, as an operator of the round's processes would.
func (r *round) commands(ctx context.Context) error {
	r.settings = map[string]string{ // an operator is in no hurry
		"clickhouse.insert_timeout": "20s", "clickhouse.dial_timeout": "20s",
		"kafka.rebalance_timeout": "60s", "kafka.dial_timeout": "20s", "kafka.request_timeout": "20s",
	}
	defer func() { r.settings = nil }()
	for _, c := range []struct {
		arguments string
		statuses  []int // that are right
		says      string
	}{
		{"config show", []int{0}, "***"},
		{"config show --json", []int{0}, "***"},
		{"config validate --connect", []int{0}, "kafka: ok"},
		{"migrate", []int{0}, "the schema is at version"},
		// A process was killed: there may be messages in flight to be found.
		{"audit", []int{0, 3}, r.topic},
		{"dlq list", []int{0, 3}, ""},
		{"dlq redrive", []int{0, 3}, ""},
	} {
		arguments := strings.Fields(c.arguments)
		command := exec.CommandContext(ctx, r.stage.binary, arguments...)
		command.Env = r.environment("operator")
		out, err := command.CombinedOutput()
		var failed *exec.ExitError
		if err != nil && !errors.As(err, &failed) {
			return fmt.Errorf("run pianola %s: %w", c.arguments, err)
		}
		r.stage.secured.secrets.search("pianola "+c.arguments, string(out))
		if status := command.ProcessState.ExitCode(); !slices.Contains(c.statuses, status) {
			return fmt.Errorf("pianola %s: exit status %d: %s", c.arguments, status, out)
		}
		if !strings.Contains(string(out), c.says) {
			return fmt.Errorf("pianola %s does not say %q: %s", c.arguments, c.says, out)
		}
		r.tally["pianola "+arguments[0]]++
	}
	return r.stage.secured.secrets.found()
}

// searchPages looks for secrets on all pages of a process.
func (r *round) searchPages(ctx context.Context, p *process) error {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for _, page := range []string{"/", "/livez", "/readyz", "/metrics"} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.journal.pagesAt()+page, nil)
		if err != nil {
			return fmt.Errorf("ask for %s: %w", page, err)
		}
		response, err := client.Do(request)
		if err != nil {
			return fmt.Errorf("ask for %s: %w", page, err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			return fmt.Errorf("read %s: %w", page, err)
		}
		r.stage.secured.secrets.search("the page "+page, string(text))
	}
	return r.stage.secured.secrets.found()
}
