package faultproxy

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/ch-go/proto"
)

// Control decides about each statement before the server sees it. It returns true to
// inject the fault. Many goroutines call it at once. If it blocks, the statement waits.
type Control func(Statement) (Fault, bool)

// Moment is when a fault happens.
type Moment uint8

const (
	// Before the server has seen the statement.
	Before Moment = iota
	// Midway through the data of an INSERT: the client has sent the first data, and the
	// server stores none. For a statement without data, Midway is Before.
	Midway
	// After the server has executed the statement, before the client knows. If the
	// server rejects the statement, the client gets the server's exception.
	After
)

// Fault replaces the server's answer. At its moment the proxy waits for Delay, and then:
//
//   - with Code, answers with that exception; with Cut as well, it then closes the
//     connection at once, while the client may still be sending;
//   - with Cut alone, closes the connection without an answer;
//   - with Hang, sends nothing until the client closes the connection.
//
// Without all three, the statement is executed after Delay, whatever the moment. A
// native connection ends with its fault: clients do not reuse it after an error.
type Fault struct {
	At      Moment
	Delay   time.Duration
	Code    int
	Message string // of the exception; empty: "Injected fault"
	Cut     bool
	Hang    bool
}

// Control sets the control function until remove is called. It replaces the one before.
func (p *Proxy) Control(f Control) (remove func()) {
	p.control.Store(&f)
	return func() { p.control.CompareAndSwap(&f, nil) }
}

// decide returns the fault for a statement, if there is one.
func (p *Proxy) decide(ctx context.Context, database, text string) (f Fault, strikes bool) {
	control := p.control.Load()
	if control == nil {
		return Fault{}, false
	}
	s, data := parse(text)
	s.Database = database
	if f, strikes = (*control)(s); strikes && f.Code == 0 && !f.Cut && !f.Hang {
		f.wait(ctx)
		strikes = false
	}
	if f.At == Midway && !data {
		f.At = Before
	}
	return f, strikes
}

// wait waits for the delay, or until ctx ends.
func (f Fault) wait(ctx context.Context) {
	select {
	case <-time.After(f.Delay):
	case <-ctx.Done():
	}
}

// text is the exception's message in ClickHouse's form.
func (f Fault) text() string {
	return fmt.Sprintf("DB::Exception: %s (%s)", cmp.Or(f.Message, "Injected fault"), proto.Error(f.Code).String())
}
