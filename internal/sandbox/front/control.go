package front

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/pianola/pianola/internal/sandbox/front/libchdb"
	"github.com/pianola/pianola/internal/sandbox/front/statement"
)

// Control is asked about every statement before the engine sees it, as kfake asks
// its control functions about requests. false lets the statement through to the
// next function, true puts the fault in and asks nobody else. It may block: the
// statement then waits, and a client that has left by the time it goes on is
// noticed as always. Called from many goroutines at once.
type Control func(Statement) (Fault, bool)

// Statement is what a control function decides by.
type Statement struct {
	Protocol string // native or http
	Database string // as the client named it when it connected, or with the request
	Verb     string // the first keyword, in capitals: INSERT, SELECT, ALTER
	Table    string // the first table that is named, without database and quotes; may be empty
	Text     string // without an INSERT's data
}

// Moment is when a fault strikes.
type Moment uint8

// The moments.
const (
	// Before the engine has seen the statement or any data of it.
	Before Moment = iota
	// Midway through an INSERT's data: the columns have been announced and a
	// first piece of the data has come, which is not stored. Of a statement
	// without data it is Before.
	Midway
	// After the engine has done it, before the client has been told. A statement
	// that the engine refuses gets the engine's answer.
	After
)

// Fault is what a client meets in place of the engine's answer. At its moment the
// delay is waited for, and then
//
//   - with a Code, that exception is answered, with the status and headers that
//     ClickHouse has for it over HTTP; with Cut as well the connection is closed
//     behind it, whatever the client is still sending;
//   - with Cut alone, the connection is closed without a word;
//   - with Hang, nothing is said any more until the client leaves;
//   - with none of these, the statement goes on: it was late.
type Fault struct {
	At      Moment
	Delay   time.Duration
	Code    int
	Message string // of the exception; empty says that it was put in
	Cut     bool
	Hang    bool
}

// Control adds a control function, to be asked after those that are there, until
// remove is called. A statement that is being decided then may still meet it.
func (s *Server) Control(f Control) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry := &f
	s.controls = append(slices.Clone(s.controls), entry)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.controls = slices.DeleteFunc(slices.Clone(s.controls), func(e *Control) bool { return e == entry })
	}
}

// decide asks the control functions. nil is no fault.
func (s *Server) decide(protocol, database, text string) *Fault {
	s.mu.Lock()
	controls := s.controls
	s.mu.Unlock()
	if len(controls) == 0 {
		return nil
	}
	of := Statement{
		Protocol: protocol, Database: database, Text: text,
		Verb: statement.Verb(text), Table: statement.Table(text),
	}
	for _, control := range controls {
		if fault, struck := (*control)(of); struck {
			return &fault
		}
	}
	return nil
}

// strike puts the fault in if this is its moment. nil lets the statement go on.
func (f *Fault) strike(quit context.Context, at Moment) error {
	if f == nil || f.At != at {
		return nil
	}
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-quit.Done():
		}
	}
	switch {
	case f.Hang:
		return &struckError{hang: true}
	case f.Code != 0:
		message := f.Message
		if message == "" {
			message = "a fault that was put in"
		}
		return &struckError{exception: exception(f.Code, proto.Error(f.Code).String(), message), cut: f.Cut}
	case f.Cut:
		return &struckError{cut: true}
	}
	return nil
}

// withoutData moves a fault that waits for data to the beginning of a statement
// that has none.
func (f *Fault) withoutData() *Fault {
	if f == nil || f.At != Midway {
		return f
	}
	moved := *f
	moved.At = Before
	return &moved
}

// struckError ends a statement as its fault wants it.
type struckError struct {
	exception *libchdb.Error // nil says nothing to the client
	cut, hang bool
}

func (e *struckError) Error() string {
	switch {
	case e.hang:
		return "a fault: no answer"
	case e.exception == nil:
		return "a fault: the connection is cut"
	}
	return fmt.Sprintf("a fault: code %d", e.exception.Code)
}

// Unwrap gives the exception that the client is told of.
func (e *struckError) Unwrap() error {
	if e.exception == nil {
		return nil
	}
	return e.exception
}
