package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// printed is the output of a running demonstration.
type printed struct {
	mu    sync.Mutex
	text  bytes.Buffer
	await string
	found chan struct{}
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := strings.Contains(p.text.String(), p.await)
	p.text.Write(b)
	if !before && strings.Contains(p.text.String(), p.await) {
		close(p.found)
	}
	return len(b), nil
}

// hints runs the demonstration until it has printed its hints, calls use with them, and
// interrupts it.
func hints(t *testing.T, o options, use func(text string)) {
	t.Helper()
	o.exit = false
	out := &printed{await: "Press Ctrl-C to stop.", found: make(chan struct{})}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	ended := make(chan error, 1)
	go func() { ended <- demonstrate(ctx, o, out, io.Discard) }()
	select {
	case <-out.found:
		out.mu.Lock()
		text := out.text.String()
		out.mu.Unlock()
		use(text)
		interrupt()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	case err := <-ended:
		t.Fatalf("ended early: %v\n%s", err, &out.text)
	}
}

// terminal runs printed commands as a person does who copies them, with a built pianola.
type terminal struct {
	t      *testing.T
	dir    string
	binary string
}

func openTerminal(t *testing.T, text string) *terminal {
	t.Helper()
	c := &terminal{t: t, dir: t.TempDir()}
	c.binary = filepath.Join(c.dir, "pianola")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", c.binary, "../pianola")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	file := regexp.MustCompile(`(?s)\ncat > pianola.yaml <<'END'\n.*?\nEND\n`).FindString(text)
	if got, status := c.run(file); status != 0 || file == "" {
		t.Fatalf("%d %s\n%s", status, got, text)
	}
	return c
}

// command is a shell command for the built pianola.
func (c *terminal) command(line string) *exec.Cmd {
	cmd := exec.CommandContext(c.t.Context(), "sh", "-c", strings.ReplaceAll(line, "go run ./cmd/pianola", "exec "+c.binary))
	cmd.Dir = c.dir
	return cmd
}

func (c *terminal) run(line string) (output string, status int) {
	c.t.Helper()
	text, err := c.command(line).CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		c.t.Fatal(err)
	}
	if failed != nil {
		status = failed.ExitCode()
	}
	return string(text), status
}

// line finds the printed command that begins like this.
func line(t *testing.T, text, begin string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(begin) + `.*$`).FindString(text)
	if found == "" {
		t.Errorf("no command begins %q:\n%s", begin, text)
	}
	return found
}

func TestHints_OfTheDemonstrationWorkAsPrinted(t *testing.T) {
	tier.Full(t, "runs the whole demonstration")
	o := small(t)
	hints(t, o, func(text string) {
		metrics := ""
		for _, one := range regexp.MustCompile(`http://127[^\s',]+`).FindAllString(text, -1) {
			response, err := http.Get(one)
			if err != nil {
				t.Errorf("%s: %v", one, err)
				continue
			}
			body, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil {
				t.Errorf("%s: %v", one, err)
			}
			if strings.HasSuffix(one, "/metrics") {
				metrics = string(body)
			}
		}
		for _, want := range []string{"go_goroutines ", "process_resident_memory_bytes ", "pianola_build_info{", "pianola_messages_total"} {
			if !strings.Contains(metrics, "\n"+want) {
				t.Errorf("/metrics lacks %s:\n%.2000s", want, metrics)
			}
		}
		if !strings.Contains(text, "Piano's exports") {
			t.Errorf("the hints lack the exports:\n%s", text)
		}
		wantConsole(t, text)
		c := openTerminal(t, text)
		if got, status := c.run(line(t, text, "go run ./cmd/pianola audit --deep")); status != 0 || !strings.Contains(got, "no findings") {
			t.Errorf("audit --deep: status %d\n%s", status, got)
		}
		if got, status := c.run("go run ./cmd/pianola export stream --to files --format ndjson --config pianola.yaml"); status != 0 || !strings.Contains(got, "manifest ") {
			t.Errorf("an export with the printed settings: status %d\n%s", status, got)
		}
	})
}

// wantConsole logs in with the printed user and password, and looks for figures and users.
// Without a login the console shows nothing.
func wantConsole(t *testing.T, text string) {
	t.Helper()
	found := regexp.MustCompile(`(http://127\S+/), user (\w+), password (\w+)`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("the hints lack the console:\n%s", text)
	}
	get := func(page, user, password string) (status int, body string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, found[1]+page, nil)
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			request.SetBasicAuth(user, password)
		}
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		all, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(all)
	}
	for page, want := range map[string]string{
		"": "What needs a person", "business/mrr": "MRR", "care/users": "/care/user?id=", "settings": "piano.base_url", "dead-letters": "invalid_timestamp",
	} {
		if status, body := get(page, found[2], found[3]); status != http.StatusOK || !strings.Contains(body, want) || strings.Contains(body, `class="error"`) {
			t.Errorf("/%s: status %d, lacks %q, or has an error", page, status, want)
		}
	}
	if status, _ := get("", "", ""); status != http.StatusUnauthorized {
		t.Errorf("without a login: status %d", status)
	}
}

func TestHints_OfTheServicesWorkAsPrinted(t *testing.T) {
	tier.Full(t, "runs pianola against the services")
	o := small(t)
	o.servicesOnly, o.subscribersGiven = true, true
	hints(t, o, func(text string) {
		c := openTerminal(t, text)
		if got, status := c.run(line(t, text, "go run ./cmd/pianola migrate")); status != 0 {
			t.Fatalf("migrate: status %d\n%s", status, got)
		}
		serving := c.command(line(t, text, "go run ./cmd/pianola run") + " --http.listen 127.0.0.1:0") // the printed port may be taken
		var log bytes.Buffer
		serving.Stdout, serving.Stderr = &log, &log
		if err := serving.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := errors.Join(serving.Process.Signal(os.Interrupt), serving.Wait()); err != nil {
				t.Errorf("run: %v\n%s", err, &log)
			}
		}()
		total := 0
		if _, err := fmt.Sscanf(regexp.MustCompile(`\d+ messages of`).FindString(text), "%d", &total); err != nil || total == 0 {
			t.Fatalf("%v in\n%s", err, text)
		}
		audit := line(t, text, "go run ./cmd/pianola audit --deep")
		for read, until := 0, time.Now().Add(time.Minute); read < total; {
			if time.Now().After(until) {
				t.Fatalf("%d of %d messages were read\n%s", read, total, &log)
			}
			read = 0
			var report struct{ Partitions []struct{ Messages int } }
			got, _ := c.run(strings.Replace(audit, " --deep", " --json", 1) + " 2>/dev/null")
			if json.Unmarshal([]byte(got), &report) == nil {
				for _, p := range report.Partitions {
					read += p.Messages
				}
			}
		}
		if got, status := c.run(audit); status != 0 || !strings.Contains(got, "no findings") {
			t.Errorf("audit --deep: status %d\n%s", status, got)
		}
		wantListening(t, c.command(line(t, text, "go run ./cmd/pianola console")+" --console.listen 127.0.0.1:0 --log.format json"))
		if got, status := c.run(line(t, text, "go run ./cmd/pianola reconcile")); status != 3 || !strings.Contains(got, "drift: ") {
			t.Errorf("reconcile: status %d\n%s", status, got)
		}
	})
}

// wantListening waits until the command serves its pages, and interrupts it.
func wantListening(t *testing.T, serving *exec.Cmd) {
	t.Helper()
	log, err := serving.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := serving.Start(); err != nil {
		t.Fatal(err)
	}
	listens := false
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if strings.Contains(lines.Text(), `"console listening"`) {
			listens = true
			if err := serving.Process.Signal(os.Interrupt); err != nil {
				t.Error(err)
			}
		}
	}
	if err := serving.Wait(); err != nil || !listens {
		t.Errorf("%s: listening: %v, %v", serving, listens, err)
	}
}
