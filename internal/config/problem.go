package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Problem is one mistake. It quotes no secret.
type Problem struct {
	Key     string `json:"key"`     // empty where it belongs to no key
	Message string `json:"message"` // what is wrong, where it was said, what to do
}

// String is the line that a person reads.
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

// problems gathers mistakes.
type problems struct {
	list []Problem
	shut map[string]bool // keys about which nothing more is worth saying
}

// add takes one more mistake.
func (p *problems) add(key, format string, args ...any) {
	if !p.shut[key] {
		p.list = append(p.list, Problem{Key: key, Message: fmt.Sprintf(format, args...)})
	}
}

// unreadable takes a mistake that leaves the key without the value that was
// meant: what is found about the key later would only follow from it.
func (p *problems) unreadable(key, format string, args ...any) {
	p.add(key, format, args...)
	p.silence(key)
}

// silence keeps what would follow from a mistake already told from being told.
func (p *problems) silence(key string) {
	if key == "" {
		return
	}
	if p.shut == nil {
		p.shut = map[string]bool{}
	}
	p.shut[key] = true
}

// clone lets checks of different sections start from the same mistakes.
func (p *problems) clone() *problems {
	return &problems{list: slices.Clone(p.list), shut: maps.Clone(p.shut)}
}

// addErrors takes over what a package's Validate has joined: texts that begin
// with a key and a colon.
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
