package subscriptionlog

import (
	"fmt"
	"strings"
)

// Error is where and why a file is invalid. It contains no value of the file, and of its
// header only known names.
type Error struct {
	Line   int    // from 1; 0 for the whole file
	Column string // name of the column, or "number N" for an unknown one; may be empty
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

// Unwrap returns the cause, such as an error of the file system or
// transform.ErrTimestamp.
func (e *Error) Unwrap() error { return e.cause }

// unreadable is an Error of the whole file.
func unreadable(hint, format string, args ...any) *Error {
	return &Error{Hint: hint, cause: fmt.Errorf(format, args...)}
}
