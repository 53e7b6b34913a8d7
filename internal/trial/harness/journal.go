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

// journal receives a process's log. It keeps the last lines, which say why a process
// has ended, what the process complains about, and the URL of its pages.
type journal struct {
	generation func(int32)  // receives the consumer group's generations that the process was in
	line       func(string) // receives every line; nil: none

	mu         sync.Mutex
	rest       []byte // of a line that has not ended yet
	lines      []string
	complaints []string
	pages      string
	logged     map[string]int // messages, counted
	codes      map[int]int    // ClickHouse's error codes, counted
}

const maxJournalLines = 25

// clickHouseCode is the code in the text of a sink.Error.
var clickHouseCode = regexp.MustCompile(`clickhouse(?: at [^ ]+)?: code (\d+) `)

func newJournal(generation func(int32), line func(string)) *journal {
	return &journal{generation: generation, line: line, logged: map[string]int{}, codes: map[int]int{}}
}

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
		Level      string `json:"level"`
		Message    string `json:"msg"`
		Generation int32  `json:"generation"`
		Pages      string `json:"pages"`
		Error      string `json:"error"`
		Code       int    `json:"code"` // of an insert that was halved
	}
	err := json.Unmarshal(line, &entry)
	if err == nil {
		for _, code := range clickHouseCode.FindAllStringSubmatch(entry.Error, -1) {
			n, _ := strconv.Atoi(code[1]) // the expression allows digits alone
			j.codes[n]++
		}
		j.codes[entry.Code]++
		j.logged[entry.Message]++
		switch entry.Message {
		case consumer.LogGenerationStarted:
			j.generation(entry.Generation)
		case service.LogStarted:
			j.pages = entry.Pages
		}
	}
	if err != nil || entry.Level == "warn" || entry.Level == "error" {
		j.complaints = append(j.complaints, string(line))
	}
	if j.lines = append(j.lines, string(line)); len(j.lines) > maxJournalLines {
		j.lines = j.lines[1:]
	}
	if j.line != nil {
		j.line(string(line))
	}
}

// Tail is the last lines of the log.
func (j *journal) Tail() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, "\n")
}

// Complaints are the lines that are warnings, errors, or not JSON.
func (j *journal) Complaints() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.complaints[:len(j.complaints):len(j.complaints)]
}

// Logged is how often the process has logged a message.
func (j *journal) Logged(message string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.logged[message]
}

// LoggedCode is how often the process has logged an error with a code of ClickHouse.
func (j *journal) LoggedCode(code int) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.codes[code]
}

// Pages is the URL of the process's pages; empty before it is known.
func (j *journal) Pages() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.pages
}
