package world

import (
	"fmt"
	"strings"
)

// maxExamples is how many differences of one check are described.
const maxExamples = 5

// Check is one table or view held against the truth.
type Check struct {
	Name       string
	Expected   int // rows that the truth has
	Missing    int // of them, those that are not there
	Unexpected int // rows that the truth does not know
	Different  int // rows that are there, with other columns
	// Examples describe the first few differences, a line each.
	Examples []string
}

// Equal says that there is no difference at all.
func (c *Check) Equal() bool { return c.Missing+c.Unexpected+c.Different == 0 }

// String is one line, and one more for each example.
func (c *Check) String() string {
	if c.Equal() {
		return fmt.Sprintf("%s: %d as expected", c.Name, c.Expected)
	}
	line := fmt.Sprintf("%s: of %d, %d missing, %d different; %d unexpected", c.Name, c.Expected, c.Missing, c.Different, c.Unexpected)
	return strings.Join(append([]string{line}, c.Examples...), "\n    ")
}

func (c *Check) example(format string, args ...any) {
	if len(c.Examples) < maxExamples {
		c.Examples = append(c.Examples, fmt.Sprintf(format, args...))
	}
}

func (c *Check) missing(what string) {
	c.Missing++
	c.example("missing: %s", what)
}

func (c *Check) unexpected(what string) {
	c.Unexpected++
	c.example("unexpected: %s", what)
}

func (c *Check) different(what, how string) {
	c.Different++
	c.example("different: %s: %s", what, how)
}

// Report is what Compare found.
type Report struct {
	Checks []Check
	// ReadAgain counts offsets that the ledger accounts for more than once: a
	// process that was killed between its ledger row and its commit leaves that
	// behind, and it is no difference.
	ReadAgain int64
}

// Equal says that every table and view holds the truth.
func (r *Report) Equal() bool {
	for i := range r.Checks {
		if !r.Checks[i].Equal() {
			return false
		}
	}
	return len(r.Checks) > 0
}

// String is a line for each check, differences below it.
func (r *Report) String() string {
	var lines []string
	for i := range r.Checks {
		lines = append(lines, r.Checks[i].String())
	}
	return strings.Join(lines, "\n")
}
