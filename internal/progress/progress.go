// Package progress lets long work report how far it is, so that a command can show
// one line for it. The work reports steps; the caller decides what to show and
// measures how long a step has lasted.
package progress

import (
	"sync"
	"time"
)

// Step is what the work does now. A step lasts until one with another name is
// reported; the same name again means an update.
type Step struct {
	// Name says what is done or waited for, such as "read subscriptions from Piano".
	Name string
	// Unit is what Done and Total count, such as "pages"; empty when nothing is counted.
	Unit string
	Done uint64
	// Total is 0 when it is unknown.
	Total uint64
	// Earlier is the part of Done that was there when the step began: it says nothing
	// about the speed.
	Earlier uint64
	// Until is when a wait ends by itself; zero when it is unknown.
	Until time.Time
}

// Func receives steps. It must not block. Work calls it from one goroutine at a
// time, but not always from the same one. A nil Func ignores everything.
type Func func(Step)

// Report passes a step on.
func (f Func) Report(s Step) {
	if f != nil {
		f(s)
	}
}

// Count reports a step of which nothing is done yet, and returns its counter.
func (f Func) Count(name, unit string, total uint64) *Counter {
	return f.Continue(name, unit, 0, total)
}

// Continue is Count for a step of which a part was done earlier.
func (f Func) Continue(name, unit string, done, total uint64) *Counter {
	c := &Counter{report: f, step: Step{Name: name, Unit: unit, Done: done, Earlier: done, Total: total}}
	c.Add(0)
	return c
}

// Counter counts what is done of one step. It is safe for concurrent use.
type Counter struct {
	report Func
	mu     sync.Mutex // also held during the call, so that Done never goes back
	step   Step
	quiet  bool // another step is shown
}

// Add reports n more.
func (c *Counter) Add(n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.step.Done += n
	if !c.quiet {
		c.report.Report(c.step)
	}
}

// Interrupt reports another step in place of this one until end is called. What is done
// meanwhile counts, but not for the speed.
func (c *Counter) Interrupt(name, unit string, total uint64) (other *Counter, end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet = true
	return c.report.Count(name, unit, total), func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.quiet, c.step.Earlier = false, c.step.Done
		c.report.Report(c.step)
	}
}
