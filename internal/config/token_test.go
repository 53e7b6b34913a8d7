package config

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestPianoConfig_ReadsTheTokenAgain: the consumer, the console and the commands make their
// client of this configuration.
func TestPianoConfig_ReadsTheTokenAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first\n")
	c, err := Load(Source{Environment: []string{"PIANOLA_PIANO_API_TOKEN_FILE=" + path, "PIANOLA_PIANO_AID=app"}}).Check("piano")
	if err != nil {
		t.Fatal(err)
	}
	p := c.PianoConfig()
	if p.Token != "first" || p.ReadToken == nil {
		t.Fatalf("token %q", p.Token)
	}
	write("second\n")
	if got, err := p.ReadToken(); err != nil || got != "second" {
		t.Errorf("%q, %v", got, err)
	}
	for name, breakIt := range map[string]func(){
		"empty": func() { write("") },
		"gone":  func() { _ = os.Remove(path) },
		"a named pipe": func() {
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		_ = os.Remove(path)
		breakIt()
		if got, err := p.ReadToken(); err == nil || got != "" || strings.Contains(err.Error(), path) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	direct, err := Load(Source{Environment: []string{"PIANOLA_PIANO_API_TOKEN=direct", "PIANOLA_PIANO_AID=app"}}).Check("piano")
	if err != nil || direct.PianoConfig().ReadToken != nil {
		t.Errorf("a token without a file is read again: %v", err)
	}
}
