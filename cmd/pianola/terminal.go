package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// terminal describes an output stream. The zero value is a file or a pipe.
type terminal struct {
	width  int // columns; 0 means unlimited
	colour bool
}

// minWidth is the narrowest layout: a terminal that reports less is treated as
// this wide.
const minWidth = 40

// terminalOf describes w. Colour follows the conventions NO_COLOR and TERM=dumb.
func (a *app) terminalOf(w io.Writer) (t terminal, ok bool) {
	file, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(file.Fd())) {
		return terminal{}, false
	}
	t = terminal{width: 80, colour: a.variable("NO_COLOR") == "" && a.variable("TERM") != "dumb"}
	if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
		t.width = max(width, minWidth)
	}
	return t, true
}

// The escape sequences of results. No other sequence reaches standard output.
const (
	green  = "\x1b[32m"
	red    = "\x1b[31m"
	normal = "\x1b[0m"
)

var colours = []string{green, red, normal}

func (t terminal) green(text string) string { return t.painted(text, green) }
func (t terminal) red(text string) string   { return t.painted(text, red) }

// painted adds an ANSI colour when the stream shows colours.
func (t terminal) painted(text, colour string) string {
	if !t.colour {
		return text
	}
	return colour + text + normal
}

// levelColours are the sequences with which zap colours a level.
func levelColours() []string {
	all := []string{normal}
	for colour := 31; colour <= 37; colour++ {
		all = append(all, fmt.Sprintf("\x1b[%dm", colour))
	}
	return all
}

// variable is the value of an environment variable; empty when it is not set.
func (a *app) variable(name string) string {
	for _, v := range a.environment {
		if key, value, _ := strings.Cut(v, "="); key == name {
			return value
		}
	}
	return ""
}

// width is how wide a result may be: unlimited unless it goes to a terminal.
func (a *app) width() int {
	t, _ := a.terminalOf(a.stdout)
	return t.width
}
