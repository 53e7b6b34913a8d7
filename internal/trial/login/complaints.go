package login

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/pianola/pianola/internal/trial/harness"
)

// complaints are the log lines of processes that say that something is wrong. It is safe
// for concurrent use.
type complaints struct {
	mu    sync.Mutex
	lines map[*harness.Process][]string
}

// add keeps a line that is a warning, an error, or not JSON.
func (c *complaints) add(p *harness.Process, line string) {
	var entry struct {
		Level string `json:"level"`
	}
	if json.Unmarshal([]byte(line), &entry) == nil && entry.Level != "warn" && entry.Level != "error" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lines == nil {
		c.lines = map[*harness.Process][]string{}
	}
	c.lines[p] = append(c.lines[p], line)
}

// count is how many complaints a process has.
func (c *complaints) count(p *harness.Process) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.lines[p])
}

// has says whether a complaint of the process, beyond the first so many, contains all of
// the texts.
func (c *complaints) has(p *harness.Process, after int, texts []string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.lines[p][after:], func(line string) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) })
	})
}
