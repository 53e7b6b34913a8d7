package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox/testbed"
)

// hostile has a character of each kind that acts on a terminal: C0, DEL, C1 (U+009B begins a
// sequence like ESC [), directions, and separators of lines.
const hostile = "a\x1b[2J\x7f\u009b31m\u0085\u061c\u202e\u2066\u2028\u2029\ufeffz"

// visible fails when the text contains a character that acts on a terminal.
func visible(t *testing.T, what, text string) {
	t.Helper()
	for _, r := range text {
		if r != '\n' && r != '\t' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			t.Errorf("%s contains %U: %+q", what, r, text)
			return
		}
	}
	if !strings.Contains(text, "z") {
		t.Errorf("%s does not contain the text: %q", what, text)
	}
}

func TestOutput_ActsOnNoTerminal(t *testing.T) {
	quoted, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	servers := []string{"PIANOLA_KAFKA_BROKERS=127.0.0.1:1", "PIANOLA_CLICKHOUSE_ADDR=127.0.0.1:1"}
	group := append(servers, "PIANOLA_KAFKA_GROUP="+strings.TrimPrefix(hostile, "a\x1b[2J\x7f"))
	message := `{"subscription_id":"s","event_timestamp":"2026-01-01T00:00:00Z","subscription_action":"Created","user_id":` + string(quoted) + "}\n"
	for name, c := range map[string]struct {
		environment []string
		stdin       string
		args        []string
		code        int
	}{
		"result of transform":    {nil, message, []string{"transform"}, exitDone},
		"table of config show":   {group, "", []string{"config", "show"}, exitDone},
		"JSON of config show":    {group, "", []string{"config", "show", "--json"}, exitDone},
		"mistakes":               {append(servers, "PIANOLA_"+hostile+"=1"), "", []string{"config", "validate"}, exitConfiguration},
		"mistakes as JSON":       {append(servers, "PIANOLA_"+hostile+"=1"), "", []string{"config", "validate", "--json"}, exitConfiguration},
		"error with a file name": {nil, "", []string{"transform", "/nowhere/" + hostile}, exitFailed},
	} {
		got := call(t, c.environment, c.stdin, c.args...)
		if got.code != c.code {
			t.Errorf("%s: exit status %d, want %d: %s", name, got.code, c.code, got.stderr)
		}
		visible(t, name, got.stdout+got.stderr)
	}
	// An escape changes the notation and not the value.
	var line struct {
		Event struct {
			UserID string `json:"user_id"`
		} `json:"event"`
	}
	got := call(t, nil, message, "transform")
	if err := json.Unmarshal([]byte(got.stdout), &line); err != nil || line.Event.UserID != hostile {
		t.Errorf("%q, %v", line.Event.UserID, err)
	}
}

func TestLogger_ActsOnNoTerminal(t *testing.T) {
	for _, format := range []string{"console", "json"} {
		var stderr bytes.Buffer
		a := &app{stderr: &stderr}
		a.progress = a.newProgressLine()
		log, err := a.logger(config.Log{Level: "info", Format: format})
		if err != nil {
			t.Fatal(err)
		}
		log.Named(hostile).Warn(hostile, zap.String("field", hostile), zap.Strings("list", []string{hostile}), zap.Error(errors.New(hostile)))
		visible(t, format, stderr.String())
		if lines := strings.Count(stderr.String(), "\n"); lines != 1 {
			t.Errorf("%s: %d lines", format, lines)
		}
	}
}

// TestErrors_NamePathsInOneLine: a line feed in a path does not break the error, and the
// path can be copied.
func TestErrors_NamePathsInOneLine(t *testing.T) {
	s := testbed.Start(t).Fixture(t, testbed.Config{Protocol: "native"})
	env, dir := environment(s.Settings), t.TempDir()
	file := filepath.Join(dir, "a\nb")
	s.Must(os.WriteFile(file, []byte("x"), 0o600))
	for _, args := range [][]string{
		{"export", "stream", "--format", "csv", "--to", filepath.Join(file, "sub")},
		{"export", "stream", "--format", "csv", "--since", "last", "--to", file},
		{"replay", "files", filepath.Join(dir, "e\nf*")},
		{"replay", "files", filepath.Join(dir, "e\nf[")},
		{"transform", filepath.Join(dir, "e\nf")},
		{"reconcile", "--csv", filepath.Join(dir, "e\nf"), "--as-of", "2026-01-01T00:00:00Z"},
		{"config", "validate", "--config", filepath.Join(dir, "e\nf")},
		{"config", "validate", "--config", file},
	} {
		got := call(t, env, "", args...)
		lines := strings.Split(strings.TrimSpace(got.stderr), "\n")
		last := lines[len(lines)-1]
		if got.code == exitDone || !regexp.MustCompile(`[ae]\\n[bf]`).MatchString(last) || !strings.Contains(last, dir) {
			t.Errorf("%q: exit status %d: %q", args, got.code, got.stderr)
		}
	}
}
