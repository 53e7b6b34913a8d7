package sink

import (
	"errors"
	"strconv"
	"strings"
)

// Sentinels to compare with errors.Is.
var (
	// ErrTooManyRefused: ClickHouse refused more than 1 % of a batch of at least
	// 100 rows, which says that the table is wrong and not the rows.
	ErrTooManyRefused = errors.New("clickhouse refused more than 1% of the batch")
)

// Class is what an error asks for (architecture.md, Inserts).
type Class uint8

// The classes.
const (
	ClassFatal Class = iota // stop, commit nothing
	ClassRetry              // the same again, backing off
	ClassSplit              // halves under new tokens
	ClassRow                // bisect until the refused rows are alone
)

// String is the class as logs and metrics name it.
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

// Error is a failed exchange with ClickHouse. It is safe to log: it holds no
// text of the server, which can contain column values, and unwraps only to
// errors that carry none (context, network, this package's sentinels).
type Error struct {
	Op     string // what was tried, such as "insert into ingest_ledger"
	Addr   string // whom it was tried with
	Class  Class
	Code   int32  // ClickHouse's error code, 0 where it gave none
	Name   string // the code's name, from a fixed list
	Status int    // the HTTP status where a proxy or server answered without a code
	Hint   string // what to do, empty where waiting is all
	cause  error  // free of values
}

// Error says what failed, where, and what to do.
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

// Unwrap gives the context, network or sentinel error behind it, if any.
func (e *Error) Unwrap() error { return e.cause }
