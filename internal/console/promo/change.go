package promo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/planpage"
	"github.com/pianola/pianola/internal/console/plans"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/promo/promotion"
)

// finalTimeout limits the last row of the log: the context of the work may have ended.
const finalTimeout = 15 * time.Second

// change is what a person is about to change.
type change struct {
	title, button string
	back          string // address of the page from which it came
	plan          func(context.Context) (*shown, error)
	// do does the work once. It records every request that it sends.
	do     func(context.Context, promotion.Record) (*shown, error)
	record func(by, why string) promotion.Record
}

// fact is a named value.
type fact struct{ Name, Value string }

// shown is a plan or a result, as its page writes it.
type shown struct {
	Text        string // the main sentence
	Mark        string // warning, note or empty
	Facts       []fact
	Requests    []promotion.Request
	Differences []promotion.Difference
	// Impossible: a confirmation would change nothing.
	Impossible bool
	Link, To   string // the page of what has been made
}

// Plan finds what would change.
func (c *change) Plan(ctx context.Context, report progress.Func) (any, error) {
	report.Report(progress.Step{Name: "looking"})
	return anyOf(c.plan(ctx))
}

// Execute changes it.
func (c *change) Execute(ctx context.Context, by plans.Confirmation, report progress.Func) (any, error) {
	report.Report(progress.Step{Name: "working"})
	return anyOf(c.do(ctx, c.record(by.By, by.Why)))
}

// anyOf has no typed nil: a plan without a result has nil.
func anyOf(s *shown, err error) (any, error) {
	if s == nil {
		return nil, err
	}
	return s, err
}

// propose makes a plan of a change, and leads to its page.
func (p pages) propose(w http.ResponseWriter, req *http.Request, c *change) {
	c.record = p.recordOf
	p.planPages().Add(p.Renderer, w, req, c)
}

// recordOf writes actions_log in the name of a person.
func (d Deps) recordOf(by, why string) promotion.Record {
	return promotion.LogTo(d.Segments.Store, promotion.Actor{Name: by, Reason: why, Instance: d.Segments.Instance}, d.Segments.Now)
}

// recorded does work on tables between two rows of the log. Without the first row it does
// nothing.
func recorded(ctx context.Context, record promotion.Record, action, object, about string, work func() (result string, err error)) error {
	step := promotion.Step{ActionID: uuid.New(), Step: "asked", Action: action, Object: object, Answer: about}
	if err := record(ctx, step); err != nil {
		return fmt.Errorf("nothing was done, since it could not be recorded: %w", err)
	}
	result, err := work()
	step.Step, step.Outcome, step.Answer = "final", promotion.Done, result
	if err != nil {
		step.Outcome, step.Answer = promotion.Failed, err.Error()
	}
	final, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalTimeout)
	defer cancel()
	return errors.Join(err, record(final, step))
}

// planContent is the page of a plan.
type planContent struct {
	planpage.Shown
	Title, Button, Back string
	Now                 *shown // nil before anything is known
}

// writePlan writes the page of a plan of this section.
func writePlan(r *page.Renderer, w http.ResponseWriter, req *http.Request, status int, s planpage.Shown) bool {
	c, ok := s.Task.(*change)
	if !ok {
		return false
	}
	now, _ := s.Latest().(*shown)
	r.Page(w, req, status, "promo-plan", c.title, planContent{Shown: s, Title: c.title, Button: c.button, Back: c.back, Now: now})
	return true
}

// shownReport is the report of an action in Piano.
func shownReport(r *promotion.Report) *shown {
	if r == nil {
		return nil
	}
	s := &shown{Requests: r.Requests, Differences: r.Differences}
	switch r.Outcome {
	case promotion.Planned:
		s.Text = "The requests below will be sent, each once. Afterwards Piano is read again and compared."
	case promotion.Done:
		s.Text, s.Mark = sentence(r.Why), "note"
	case promotion.Refused:
		s.Text, s.Mark, s.Impossible = "Not possible: "+r.Why+".", "warning", true
	default:
		s.Text, s.Mark = sentence(string(r.Outcome)+": "+r.Why), "warning"
	}
	if one := r.Promotion; one != nil {
		s.Link, s.To = "Promotion "+one.ID, promotionAddress(one.ID)
		s.Facts = append(s.Facts, factsOf(one)...)
	}
	for name, counts := range map[string]map[promotion.State]int{"codes before": r.CodesBefore, "codes now": r.CodesAfter} {
		if counts != nil {
			s.Facts = append(s.Facts, fact{name, countsText(counts)})
		}
	}
	return s
}
