package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Problem is one mistake. It contains no secret.
type Problem struct {
	Key     string `json:"key"`     // may be empty
	Message string `json:"message"` // mistake, place, and hint
}

// String is the text form.
func (p Problem) String() string {
	if p.Key == "" {
		return p.Message
	}
	return p.Key + ": " + p.Message
}

// Error is every mistake of a configuration.
type Error struct{ Problems []Problem }

// Error has a line for each problem.
func (e *Error) Error() string {
	var b strings.Builder
	if len(e.Problems) == 1 {
		b.WriteString("configuration: 1 mistake")
	} else {
		fmt.Fprintf(&b, "configuration: %d mistakes", len(e.Problems))
	}
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

// problems collects mistakes.
type problems struct {
	list  []Problem
	muted map[string]bool // keys whose further mistakes are consequences
}

// add adds a mistake.
func (p *problems) add(key, format string, args ...any) {
	if !p.muted[key] {
		p.list = append(p.list, Problem{Key: key, Message: fmt.Sprintf(format, args...)})
	}
}

// unreadable adds a mistake that leaves the key without its intended value. Further
// mistakes of the key are only consequences and are dropped.
func (p *problems) unreadable(key, format string, args ...any) {
	p.add(key, format, args...)
	p.mute(key)
}

// mute drops further mistakes of a key.
func (p *problems) mute(key string) {
	if key == "" {
		return
	}
	if p.muted == nil {
		p.muted = map[string]bool{}
	}
	p.muted[key] = true
}

// clone lets several checks start from the same mistakes.
func (p *problems) clone() *problems {
	return &problems{list: slices.Clone(p.list), muted: maps.Clone(p.muted)}
}

// addErrors adds the joined errors of a package's Validate. Their texts start with a
// key and a colon.
func (p *problems) addErrors(err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			p.addErrors(one)
		}
		return
	}
	key, message, found := strings.Cut(err.Error(), ": ")
	if !found || !strings.Contains(key, ".") || strings.ContainsAny(key, " \t") {
		key, message = "", err.Error()
	}
	p.add(key, "%s", message)
}
