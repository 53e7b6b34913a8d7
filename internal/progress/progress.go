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
	c := &Counter{report: f, step: Step{Name: name, Unit: unit, Total: total}}
	c.Add(0)
	return c
}

// Counter counts what is done of one step. It is safe for concurrent use.
type Counter struct {
	report Func
	mu     sync.Mutex // also held during the call, so that Done never goes back
	step   Step
}

// Add reports n more.
func (c *Counter) Add(n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.step.Done += n
	c.report.Report(c.step)
}
