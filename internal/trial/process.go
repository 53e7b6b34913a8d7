package trial

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/service"
	"github.com/pianola/pianola/internal/trial/usage"
)

// process is a running `pianola run`.
type process struct {
	name    string
	command *exec.Cmd
	journal *journal
	ended   chan struct{} // closed once the process has ended, after err is set
	err     error
}

// drainWithin bounds an orderly end.
const drainWithin = 30 * time.Second

func startProcess(binary, name string, environment []string, j *journal) (*process, error) {
	p := &process{name: name, command: exec.Command(binary, "run"), ended: make(chan struct{}), journal: j}
	p.command.Env = environment
	p.command.Stdout, p.command.Stderr = p.journal, p.journal
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start pianola: %w", err)
	}
	go func() {
		defer close(p.ended)
		p.err = p.command.Wait()
	}()
	return p, nil
}

// alive is nil, or an error that says how the process ended by itself.
func (p *process) alive() error {
	select {
	case <-p.ended:
		return fmt.Errorf("pianola (%s) ended by itself: %w: its last lines:\n%s", p.name, errors.Join(errEnded, p.err), p.journal.tail())
	default:
		return nil
	}
}

var errEnded = errors.New("process ended")

// watched is the process for who looks at what it takes.
func (p *process) watched() usage.Process {
	return usage.Process{ID: p.command.Process.Pid, Ended: p.ended, Pages: p.journal.pagesAt}
}

// kill is kill -9, and waits until the process is gone. It may have ended before.
func (p *process) kill() {
	_ = p.command.Process.Kill()
	<-p.ended
}

// terminate asks for an orderly end and does not wait for it.
func (p *process) terminate() {
	_ = p.command.Process.Signal(syscall.SIGTERM) // an error means that it has ended
}

// drained waits for the end that terminate has asked for, which has to be clean.
func (p *process) drained(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, drainWithin)
	defer cancel()
	select {
	case <-p.ended:
		// A process that has not begun to handle signals, let alone to work, ends by
		// the signal itself. That is the system's doing and as orderly as it gets.
		unborn := p.command.ProcessState.String() == "signal: terminated" && p.journal.tail() == ""
		if p.err != nil && !unborn {
			return fmt.Errorf("pianola (%s) did not drain: %w: its last lines:\n%s", p.name, p.err, p.journal.tail())
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("pianola (%s) did not drain: %w: its last lines:\n%s", p.name, ctx.Err(), p.journal.tail())
	}
}

// generations collects the group's generations that any process has told of.
type generations struct {
	mu   sync.Mutex
	seen map[int32]bool
}

func (g *generations) add(id int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seen == nil {
		g.seen = map[int32]bool{}
	}
	g.seen[id] = true
}

func (g *generations) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.seen)
}

// journal takes a process's log: the last lines for who has to know why it ended,
// the generations that it was in, and where its pages are.
type journal struct {
	generations *generations
	secrets     *secrets // that are looked for in every line; nil for none

	mu    sync.Mutex
	rest  []byte // of a line that has not ended yet
	lines []string
	pages string         // where the process's pages are, as a URL; empty before it has said so
	told  map[string]int // how often each message has been told

	complaints []string // the lines that say that something is wrong; kept where secrets are
}

const journalLines = 25

// Write takes pieces of lines.
func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rest = append(j.rest, b...)
	for {
		line, rest, whole := bytes.Cut(j.rest, []byte{'\n'})
		if !whole {
			return len(b), nil
		}
		j.line(line)
		j.rest = rest
	}
}

func (j *journal) line(line []byte) {
	var entry struct {
		Level      string `json:"level"`
		Message    string `json:"msg"`
		Generation int32  `json:"generation"`
		Pages      string `json:"pages"`
	}
	plain := json.Unmarshal(line, &entry) != nil
	if j.secrets != nil {
		j.secrets.search("the log", string(line))
		if plain || entry.Level == "warn" || entry.Level == "error" {
			j.complaints = append(j.complaints, string(line))
		}
	}
	if !plain {
		if j.told == nil {
			j.told = map[string]int{}
		}
		j.told[entry.Message]++
		switch entry.Message {
		case consumer.LogGenerationStarted:
			j.generations.add(entry.Generation)
		case service.LogStarted:
			j.pages = entry.Pages
		}
	}
	if j.lines = append(j.lines, string(line)); len(j.lines) > journalLines {
		j.lines = j.lines[1:]
	}
}

func (j *journal) pagesAt() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.pages
}

// count is how often the process has told a message.
func (j *journal) count(message string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.told[message]
}

// complained is how many complaints there are.
func (j *journal) complained() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.complaints)
}

// complains says whether a complaint beyond the first so many has all of the texts.
func (j *journal) complains(after int, texts []string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.ContainsFunc(j.complaints[after:], func(line string) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) })
	})
}

func (j *journal) tail() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, "\n")
}
