package sink

import (
	"errors"
	"strconv"
	"strings"
)

// Sentinels for errors.Is.
var (
	// ErrTooManyRefused: ClickHouse refused more than 1 % of the last rows
	// (guard.go). The table is wrong, not the rows.
	ErrTooManyRefused = errors.New("clickhouse refused more than 1% of the rows")
)

// Class is how to handle an error; classify.go decides it.
type Class uint8

// The classes.
const (
	ClassFatal Class = iota // stop, commit nothing
	ClassRetry              // repeat with back-off
	ClassSplit              // send halves under new tokens
	ClassRow                // find the refused rows
)

// String is the name of the class in logs and metrics.
func (c Class) String() string {
	switch c {
	case ClassRetry:
		return "retry"
	case ClassSplit:
		return "split"
	case ClassRow:
		return "row"
	default:
		return "fatal"
	}
}

// Error is a failed exchange with ClickHouse. It is safe to log: it contains no
// text of the server, which can hold column values. It unwraps only to errors
// without values (context, network, this package's sentinels).
type Error struct {
	Op     string // the operation, such as "insert into ingest_ledger"
	Addr   string // the server
	Class  Class
	Code   int32  // ClickHouse's error code, or 0
	Name   string // the code's name, from a fixed list
	Status int    // the HTTP status of an answer without a code
	View   string // the materialized view that failed; usually empty
	Hint   string // what to do; empty when only waiting helps
	cause  error  // free of values

	row      int  // the row of the INSERT that a constraint of the table refuses, from 1; 0: unknown
	viewOnly bool // the code is fatal unless the rows are in the table and only the view failed
}

// fatal is the same failure as one that stops the process.
func (e *Error) fatal() *Error {
	stops := *e
	stops.Class = ClassFatal
	return &stops
}

// Error is the operation, the server, the cause and the hint.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	b.WriteString(": clickhouse")
	if e.Addr != "" {
		b.WriteString(" at " + e.Addr)
	}
	switch {
	case e.Code != 0:
		b.WriteString(": code " + strconv.Itoa(int(e.Code)) + " " + e.Name)
	case e.Status != 0:
		b.WriteString(": http status " + strconv.Itoa(e.Status))
	}
	if e.cause != nil {
		b.WriteString(": " + e.cause.Error())
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// Unwrap returns the context, network or sentinel error, or nil.
func (e *Error) Unwrap() error { return e.cause }
