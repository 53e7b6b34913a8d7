package plans

import (
	"context"
	"time"

	"github.com/pianola/pianola/internal/progress"
)

// Task is work with a plan. Its methods run in one goroutine at a time. An execution that
// ends early must be durable as far as it has come; it is never repeated.
type Task interface {
	// Plan finds what would change, and changes nothing.
	Plan(ctx context.Context, report progress.Func) (result any, err error)

	// Execute changes it. With an error the result is what was done, or nil.
	Execute(ctx context.Context, c Confirmation, report progress.Func) (result any, err error)
}

// Confirmation is who confirmed a plan, and why.
type Confirmation struct {
	By, Why string
	At      time.Time
}

// State is how far a plan is.
type State string

// The states.
const (
	Planning State = "planning" // what would change is being looked for
	Ready    State = "ready"    // for a confirmation
	Waiting  State = "waiting"  // confirmed; other work runs
	Running  State = "running"
	Done     State = "done"
	Failed   State = "failed" // the plan or its execution
)

// Plan is a task with its state.
type Plan struct {
	ID           string
	Task         Task
	By           string // who asked for it
	MadeAt       time.Time
	State        State
	Planned      any // the result of Task.Plan
	Result       any // the result of Task.Execute
	Problem      string
	Confirmation *Confirmation
	Step         progress.Step // what it does now
}

// Changing reports whether the plan changes without a person.
func (p Plan) Changing() bool {
	return p.State == Planning || p.State == Waiting || p.State == Running
}
