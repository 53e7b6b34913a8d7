package subscriptionlog

import (
	"fmt"
	"strings"
)

// Error says where a file cannot be read, and why. It holds no value of the file,
// and of its header only names that are known.
type Error struct {
	Line   int    // where it is, from 1; 0 where it is the file as a whole
	Column string // name of the column, or "number N" for one that is not known; may be empty
	Hint   string // what to do; may be empty

	cause error
}

// Error is "subscription log, line 7, column Start date: …".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("subscription log")
	if e.Line > 0 {
		fmt.Fprintf(&b, ", line %d", e.Line)
	}
	if e.Column != "" {
		fmt.Fprintf(&b, ", column %s", e.Column)
	}
	fmt.Fprintf(&b, ": %v", e.cause)
	if e.Hint != "" {
		b.WriteString(": " + e.Hint)
	}
	return b.String()
}

// Unwrap gives the file system's error, or transform.ErrTimestamp, where it is one.
func (e *Error) Unwrap() error { return e.cause }

// unreadable is an Error of the file as a whole.
func unreadable(hint, format string, args ...any) *Error {
	return &Error{Hint: hint, cause: fmt.Errorf(format, args...)}
}
