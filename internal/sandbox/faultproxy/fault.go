package faultproxy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/ch-go/proto"
)

// Control decides about every statement before the server sees it. false leaves the
// statement to the next function; true takes the fault and asks no other function.
// It may block: the statement then waits. It is called from many goroutines at once.
type Control func(Statement) (Fault, bool)

// Statement is what a control function decides by.
type Statement struct {
	Protocol string // native or http
	Database string // as the client named it when it connected, or with the request
	Verb     string // the first keyword, in capitals: INSERT, SELECT, ALTER
	Table    string // the first table, without database and quotes; may be empty
	Text     string // without an INSERT's data
}

// Moment is when a fault strikes.
type Moment uint8

// The moments.
const (
	// Before the server has seen the statement.
	Before Moment = iota
	// Midway through an INSERT's data: the server has announced the columns and the
	// client has sent the first data, which is not stored. A statement without data
	// is struck before.
	Midway
	// After the server has done the statement, before the client knows. A statement
	// that the server refuses gets the server's exception.
	After
)

// Fault is what a client gets in place of the server's answer. At its moment the
// proxy waits for the delay, and then
//
//   - with Code, answers that exception, over HTTP with ClickHouse's status and
//     headers for it; with Cut as well it closes the connection behind it, while the
//     client may still be sending;
//   - with Cut alone, closes the connection without an answer;
//   - with Hang, is silent until the client leaves;
//   - with none of these, continues with the statement, which is late.
//
// A native connection also ends after an exception midway, once the client has read
// it: the server has lost its half.
type Fault struct {
	At      Moment
	Delay   time.Duration
	Code    int
	Message string // of the exception; empty is a text that says it was injected
	Cut     bool
	Hang    bool
}

// Control adds a control function behind the present ones, until remove is called.
// A statement that is being decided at that time may still be struck.
func (p *Proxy) Control(f Control) (remove func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	entry := &f
	p.controls = append(slices.Clone(p.controls), entry)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.controls = slices.DeleteFunc(slices.Clone(p.controls), func(e *Control) bool { return e == entry })
	}
}

// decide asks the control functions.
func (p *Proxy) decide(protocol, database, text string) (Fault, bool) {
	p.mu.Lock()
	controls := p.controls
	p.mu.Unlock()
	if len(controls) == 0 {
		return Fault{}, false
	}
	s := Statement{Protocol: protocol, Database: database, Verb: verb(text), Table: table(text), Text: text}
	head, inline, data := insertsData(text)
	if data {
		s.Text = head
		// The server of a native client takes either.
		data = protocol == "http" || inline == ""
	}
	for _, control := range controls {
		if fault, strikes := (*control)(s); strikes {
			if fault.At == Midway && !data {
				fault.At = Before
			}
			return fault, true
		}
	}
	return Fault{}, false
}

// late is a fault that only delays.
func (f Fault) late() bool { return f.Code == 0 && !f.Cut && !f.Hang }

// wait ends early with the proxy or the client.
func (f Fault) wait(ctx context.Context) {
	timer := time.NewTimer(f.Delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// text is the exception's message as ClickHouse words it.
func (f Fault) text() string {
	message := f.Message
	if message == "" {
		message = "Injected fault"
	}
	return fmt.Sprintf("DB::Exception: %s (%s)", message, proto.Error(f.Code).String())
}
