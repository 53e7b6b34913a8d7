package world

import (
	"fmt"
	"strings"
)

// maxExamples limits the described differences per check.
const maxExamples = 5

// Check is the comparison of one table or view with the truth.
type Check struct {
	Name       string
	Expected   int // rows in the truth
	Missing    int // not in the database
	Unexpected int // not in the truth
	Different  int // in both, with different columns
	// Examples describe the first differences, one per line.
	Examples []string
}

// Equal reports that there is no difference.
func (c *Check) Equal() bool { return c.Missing+c.Unexpected+c.Different == 0 }

// String returns one line, and one more for each example.
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

// Report is the result of Compare.
type Report struct {
	Checks []Check
	// ReadAgain counts the offsets with more than one ledger row. A process that is
	// killed between its ledger row and its offset commit causes them. They are not
	// a difference.
	ReadAgain int64
}

// Equal reports that every table and view equals the truth.
func (r *Report) Equal() bool {
	for i := range r.Checks {
		if !r.Checks[i].Equal() {
			return false
		}
	}
	return len(r.Checks) > 0
}

// String returns one line per check, followed by its differences.
func (r *Report) String() string {
	var lines []string
	for i := range r.Checks {
		lines = append(lines, r.Checks[i].String())
	}
	return strings.Join(lines, "\n")
}
