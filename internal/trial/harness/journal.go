package harness

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/service"
)

// generations collects the generations of the consumer group that processes have logged.
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

// journal receives a process's log. It keeps the last lines, which say why a process
// has ended, the generations that the process was in, and the URL of its pages.
type journal struct {
	generations *generations
	process     *Process
	line        func(*Process, string) // receives every line; nil: none

	mu     sync.Mutex
	rest   []byte // of a line that has not ended yet
	lines  []string
	pages  string
	logged map[string]int // messages, counted
	codes  map[string]int // ClickHouse's error codes, counted
}

const maxJournalLines = 25

// clickHouseCode is the code in the text of a sink.Error.
var clickHouseCode = regexp.MustCompile(`clickhouse(?: at [^ ]+)?: code (\d+) `)

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
		j.add(line)
		j.rest = rest
	}
}

func (j *journal) add(line []byte) {
	var entry struct {
		Message    string `json:"msg"`
		Generation int32  `json:"generation"`
		Pages      string `json:"pages"`
		Error      string `json:"error"`
		Code       int    `json:"code"` // of an insert that was halved
	}
	if json.Unmarshal(line, &entry) == nil {
		if j.logged == nil {
			j.logged, j.codes = map[string]int{}, map[string]int{}
		}
		for _, code := range clickHouseCode.FindAllStringSubmatch(entry.Error, -1) {
			j.codes[code[1]]++
		}
		if entry.Code != 0 {
			j.codes[strconv.Itoa(entry.Code)]++
		}
		j.logged[entry.Message]++
		switch entry.Message {
		case consumer.LogGenerationStarted:
			j.generations.add(entry.Generation)
		case service.LogStarted:
			j.pages = entry.Pages
		}
	}
	if j.lines = append(j.lines, string(line)); len(j.lines) > maxJournalLines {
		j.lines = j.lines[1:]
	}
	if j.line != nil {
		j.line(j.process, string(line))
	}
}

func (j *journal) pagesURL() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.pages
}

func (j *journal) count(message string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.logged[message]
}

func (j *journal) codeCount(code int) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.codes[strconv.Itoa(code)]
}

func (j *journal) tail() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, "\n")
}
