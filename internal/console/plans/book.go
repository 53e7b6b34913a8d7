package plans

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/internal/progress"
)

// Limits of a book. A plan is small; its work is not.
const (
	maxPlans = 100
	keep     = time.Hour // since the last change
)

// Errors of a book.
var (
	ErrUnknown  = errors.New("this plan does not exist any more: plans end after an hour and with the process; make a new one")
	ErrNotReady = errors.New("this plan is not ready to be confirmed")
	ErrFull     = errors.New("too many plans are open: a plan ends an hour after its last change, so try again within an hour")
)

// Messages of the log.
const (
	LogConfirmed = "plan confirmed"
	LogEnded     = "plan executed"
)

// Book has the plans of one process. It is safe for concurrent use.
type Book struct {
	now      func() time.Time
	log      *zap.Logger
	executed func()

	toPlan, toExecute chan string // ids; not closed

	mu    sync.Mutex
	plans map[string]*entry
}

type entry struct {
	Plan
	changed time.Time
}

// NewBook makes an empty book. Plans wait until Run. After each execution, failed ones too,
// executed is called before the result is shown.
func NewBook(now func() time.Time, log *zap.Logger, executed func()) *Book {
	return &Book{
		now: now, log: log.Named("plans"), executed: executed, plans: map[string]*entry{},
		toPlan: make(chan string, maxPlans), toExecute: make(chan string, maxPlans),
	}
}

// Run plans and executes until ctx ends. It must be called once.
func (b *Book) Run(ctx context.Context) error {
	var group errgroup.Group
	group.Go(func() error { return each(ctx, b.toPlan, b.plan) })
	group.Go(func() error { return each(ctx, b.toExecute, b.execute) })
	return group.Wait()
}

func each(ctx context.Context, ids <-chan string, do func(context.Context, string)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case id := <-ids:
			do(ctx, id)
		}
	}
}

// Add queues a task and returns the id of its plan. Otherwise it returns ErrFull.
func (b *Book) Add(by string, t Task) (id string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	for id, e := range b.plans {
		if !e.Changing() && now.Sub(e.changed) > keep {
			delete(b.plans, id)
		}
	}
	if len(b.plans) >= maxPlans {
		return "", ErrFull
	}
	id = rand.Text()
	b.plans[id] = &entry{Plan: Plan{ID: id, Task: t, By: by, MadeAt: now, State: Planning}, changed: now}
	b.toPlan <- id // there is room for every plan
	return id, nil
}

// Find returns a plan as it is now.
func (b *Book) Find(id string) (Plan, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.plans[id]
	if e == nil {
		return Plan{}, ErrUnknown
	}
	return e.Plan, nil
}

// Confirm starts the work of a plan. first is false when the plan was confirmed before:
// nothing happens then.
func (b *Book) Confirm(id string, c Confirmation) (first bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.plans[id]
	switch {
	case e == nil:
		return false, ErrUnknown
	case e.Confirmation != nil:
		return false, nil
	case e.State != Ready:
		return false, ErrNotReady
	}
	c.At = b.now()
	e.Confirmation, e.State, e.changed = &c, Waiting, c.At
	b.log.Info(LogConfirmed, zap.String("plan", id), zap.String("by", c.By), zap.String("why", c.Why))
	b.toExecute <- id // a plan is here once, so there is room
	return true, nil
}

func (b *Book) plan(ctx context.Context, id string) {
	task := b.change(id, func(*Plan) {}).Task
	result, err := task.Plan(ctx, b.report(id))
	b.change(id, func(p *Plan) {
		p.State, p.Planned, p.Step = Ready, result, progress.Step{}
		if err != nil {
			p.State, p.Problem = Failed, err.Error()
		}
	})
}

func (b *Book) execute(ctx context.Context, id string) {
	p := b.change(id, func(p *Plan) { p.State = Running })
	result, err := p.Task.Execute(ctx, *p.Confirmation, b.report(id))
	b.executed()
	b.change(id, func(p *Plan) {
		p.State, p.Result, p.Step = Done, result, progress.Step{}
		if err != nil {
			p.State, p.Problem = Failed, err.Error()
		}
	})
	b.log.Info(LogEnded, zap.String("plan", id), zap.Error(err))
}

// change changes a plan that is queued or running, which nobody removes.
func (b *Book) change(id string, do func(*Plan)) Plan {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.plans[id]
	do(&e.Plan)
	e.changed = b.now()
	return e.Plan
}

func (b *Book) report(id string) progress.Func {
	return func(s progress.Step) { b.change(id, func(p *Plan) { p.Step = s }) }
}
