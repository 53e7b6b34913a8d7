package operate

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/planpage"
	"github.com/pianola/pianola/internal/console/plans"
	"github.com/pianola/pianola/internal/letters"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/replay/deadletters"
	"github.com/pianola/pianola/schemas"
)

// The kinds of plans over dead letters, as forms name them.
const (
	redriveLetters = "redrive"
	dismissLetters = "dismiss"
)

// lettersTask is a plan over dead letters. It selects those that were open when the plan
// was made: what is refused later is not part of it.
type lettersTask struct {
	kind      string
	selection deadletters.Selection
	redrive   Redrive
	log       ActionsLog
}

// Plan finds what would be read, or which messages are gone.
func (t *lettersTask) Plan(ctx context.Context, report progress.Func) (any, error) {
	return t.run(ctx, report, schemas.Dismissal{}, false)
}

// Execute redrives or dismisses.
func (t *lettersTask) Execute(ctx context.Context, c plans.Confirmation, report progress.Func) (result any, err error) {
	done := change{action: actionRedrive, by: c.By, why: c.Why, object: t.object()}
	if t.kind == dismissLetters {
		done.action = actionDismiss
	}
	err = t.log.record(ctx, done, func(ctx context.Context) (err error) {
		result, err = t.run(ctx, report, schemas.Dismissal{By: c.By, Why: c.Why}, true)
		return err
	})
	return result, err
}

// object names what the plan selects.
func (t *lettersTask) object() string {
	s := t.selection
	if len(s.At) > 0 {
		names := make([]string, len(s.At))
		for i, at := range s.At {
			names[i] = at.String()
		}
		return "dead_letters:" + strings.Join(names, " ")
	}
	return "dead_letters:" + filterValues(letters.Filter{Reason: s.Reason, Field: s.Field, Topic: s.Topic}).Encode()
}

func (t *lettersTask) run(ctx context.Context, report progress.Func, d schemas.Dismissal, execute bool) (result any, err error) {
	err = t.redrive(ctx, report, func(ctx context.Context, r *deadletters.Redriver) error {
		if err := r.Known(ctx, t.selection.At); err != nil {
			return err
		}
		plan, err := r.Plan(ctx, t.selection)
		switch {
		case err != nil:
		case t.kind == dismissLetters:
			result, err = r.Dismiss(ctx, plan, d, execute)
		case execute:
			result, err = r.Redrive(ctx, plan)
		default:
			result = plan.Report()
		}
		return err
	})
	return result, err
}

// plans are the pages of plans over dead letters.
func (d Deps) plans() planpage.Pages {
	return planpage.Pages{Book: d.Plans, Base: "/dead-letters/plans/", Write: writePlan}
}

// addPlan makes a plan of the dead letters of a form, and leads to its page.
func addPlan(d Deps, r *page.Renderer, w http.ResponseWriter, req *http.Request) {
	task, err := d.lettersTask(req)
	if err != nil {
		r.Fail(w, req, http.StatusBadRequest, "The form is wrong: "+err.Error()+".")
		return
	}
	d.plans().Add(r, w, req, task)
}

func (d Deps) lettersTask(req *http.Request) (*lettersTask, error) {
	if err := req.ParseForm(); err != nil {
		return nil, errors.New("it cannot be read")
	}
	task := &lettersTask{kind: req.PostForm.Get("kind"), redrive: d.Redrive, log: d.Log}
	if task.kind != redriveLetters && task.kind != dismissLetters {
		return nil, errors.New("kind must be redrive or dismiss")
	}
	filter, err := letterFilter(req.PostForm)
	if err != nil {
		return nil, err
	}
	task.selection = deadletters.Selection{Reason: filter.Reason, Field: filter.Field, Topic: filter.Topic, Until: d.Now()}
	if at := req.PostForm["at"]; len(at) > 0 {
		if task.selection.At, err = letters.ParseAllCoordinates(at); err != nil {
			return nil, letters.ErrCoordinates
		}
	}
	return task, nil
}

// planContent is what the page of a plan needs.
type planContent struct {
	planpage.Shown
	Kind      string
	Selection deadletters.Selection
	Redrive   *deadletters.Report // the result, or the plan
	Dismiss   *deadletters.DismissReport
}

// Work is how many dead letters a confirmation would change.
func (c planContent) Work() uint64 {
	n := uint64(0)
	switch {
	case c.Redrive != nil:
		for _, g := range c.Redrive.Groups {
			n += g.ToRead()
		}
	case c.Dismiss != nil:
		for _, g := range c.Dismiss.Groups {
			n += g.Gone
		}
	}
	return n
}

// writePlan writes the page of a plan over dead letters.
func writePlan(r *page.Renderer, w http.ResponseWriter, req *http.Request, status int, s planpage.Shown) bool {
	task, ok := s.Task.(*lettersTask)
	if !ok {
		return false
	}
	content := planContent{Shown: s, Kind: task.kind, Selection: task.selection}
	switch report := s.Latest().(type) {
	case *deadletters.Report:
		content.Redrive = report
	case *deadletters.DismissReport:
		content.Dismiss = report
	}
	r.Page(w, req, status, "letterplan", "Plan: "+task.kind+" dead letters", content)
	return true
}
