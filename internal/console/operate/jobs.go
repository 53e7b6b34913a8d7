package operate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/planpage"
	"github.com/pianola/pianola/internal/console/role"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/schemas"
)

// maxJobs is how many jobs the page lists, the latest.
const maxJobs = 100

// jobLine is one job as the pages show it.
type jobLine struct {
	*job.Job
	Address string
	Rate    string // messages a second so far; empty where unknown
	Unit    string // of Planned
	Counted []counted
}

// counted is one count of a job.
type counted struct {
	Name string
	N    uint64
}

// Mark is the class of its state.
func (l jobLine) Mark() string {
	switch l.State {
	case job.Complete:
		return "good"
	case job.Failed:
		return "bad"
	case job.Running, job.Stopped, job.Interrupted:
		return "warn"
	default:
		return ""
	}
}

// Cancelable reports whether a cancellation would change something.
func (l jobLine) Cancelable() bool {
	return !l.CancelRequested && l.State != job.Complete && l.State != job.Canceled
}

// line prepares a job.
func (d Deps) line(j *job.Job) jobLine {
	l := jobLine{Job: j, Address: "/jobs/" + url.PathEscape(j.ID), Unit: "messages"}
	if j.Source == schemas.SourceFile {
		l.Unit = "bytes"
	}
	end := d.Now()
	switch {
	case j.FinishedAt != nil:
		end = *j.FinishedAt
	case j.State != job.Running:
		end = j.WrittenAt
	}
	// A job that was resumed has its pauses in this time: a slow job is not always slow.
	if passed := end.Sub(j.StartedAt); passed >= time.Second && j.Counts[job.Messages] > 0 {
		l.Rate = fmt.Sprintf("%.0f", float64(j.Counts[job.Messages])/passed.Seconds())
	}
	for _, name := range slices.Sorted(maps.Keys(j.Counts)) {
		if j.Counts[name] > 0 {
			l.Counted = append(l.Counted, counted{strings.ReplaceAll(name, "_", " "), j.Counts[name]})
		}
	}
	return l
}

// jobsContent is what the page of jobs needs.
type jobsContent struct {
	Jobs    []jobLine // the latest first
	Total   int
	Figures any
}

func jobsPage(d Deps, r *page.Renderer, w http.ResponseWriter, req *http.Request) {
	var all []*job.Job
	err := r.Figures.Limited(req.Context(), func(ctx context.Context) (err error) {
		all, err = d.Jobs.List(ctx)
		return err
	})
	if err != nil {
		r.FailRead(w, req, err)
		return
	}
	content := jobsContent{Total: len(all)}
	for _, j := range slices.Backward(all) {
		if len(content.Jobs) < maxJobs {
			content.Jobs = append(content.Jobs, d.line(j))
		}
	}
	var done bool
	content.Figures, done = r.Load(w, req, page.PanelPage{Panels: []page.Panel{{
		ID: "erasures", Title: "Erasures", Sources: []string{"erasures"},
		About: "State and counts only: the page does not show who asked for an erasure, or why. An erasure that stays at begun was interrupted; the same command continues it.",
		Empty: "No erasure so far.",
		Query: figures.Query{SQL: `
SELECT erasure_id, kind, state, started_at, completed_at, entries, arraySum(mapValues(counts)) AS rows_removed, ` + ofMap("counts") + ` AS by_table
FROM erasures FINAL ORDER BY started_at DESC LIMIT 100`},
	}}})
	if done {
		return
	}
	r.Page(w, req, http.StatusOK, "jobs", "Jobs", content)
}

// jobContent is what the page of one job needs.
type jobContent struct {
	jobLine
	Plan  []string // ranges, at most maxRangesShown
	More  int
	Ops   bool
	Wrong string
	Why   string
	Asked bool // the form was sent: the job is or will be canceled
}

const maxRangesShown = 50

func jobPage(d Deps, r *page.Renderer, w http.ResponseWriter, req *http.Request) {
	showJob(d, r, w, req, http.StatusOK, jobContent{Asked: req.URL.Query().Has("asked")})
}

func showJob(d Deps, r *page.Renderer, w http.ResponseWriter, req *http.Request, status int, content jobContent) {
	j, ok := findJob(d, r, w, req)
	if !ok {
		return
	}
	content.jobLine, content.Ops = d.line(j), role.From(req.Context()).Has(role.Ops)
	for i, one := range j.Plan.Ranges {
		if i == maxRangesShown {
			content.More = len(j.Plan.Ranges) - i
			break
		}
		content.Plan = append(content.Plan, one.String())
	}
	r.Page(w, req, status, "job", "Job "+j.ID, content)
}

// findJob reads the job of an address. Otherwise it writes the answer.
func findJob(d Deps, r *page.Renderer, w http.ResponseWriter, req *http.Request) (*job.Job, bool) {
	id, err := job.ParseID(req.PathValue("id"))
	if err != nil {
		r.Fail(w, req, http.StatusNotFound, "There is no such job.")
		return nil, false
	}
	var j *job.Job
	err = r.Figures.Limited(req.Context(), func(ctx context.Context) (err error) {
		j, err = d.Jobs.Find(ctx, id)
		return err
	})
	switch {
	case errors.Is(err, job.ErrUnknown):
		r.Fail(w, req, http.StatusNotFound, "There is no such job.")
		return nil, false
	case err != nil:
		r.FailRead(w, req, err)
		return nil, false
	}
	return j, true
}

// cancelJob ends a job for good. A job that has ended already stays as it is, so a form
// that is sent twice changes once.
func cancelJob(d Deps, r *page.Renderer, w http.ResponseWriter, req *http.Request) {
	why, wrong := planpage.Reason(req)
	if wrong != "" {
		showJob(d, r, w, req, http.StatusUnprocessableEntity, jobContent{Wrong: wrong, Why: why})
		return
	}
	j, ok := findJob(d, r, w, req)
	if !ok {
		return
	}
	if d.line(j).Cancelable() {
		err := d.Log.record(req.Context(), change{action: actionCancel, by: planpage.Actor(req), why: why, object: "job:" + j.ID}, func(ctx context.Context) error {
			_, err := d.Jobs.Cancel(ctx, j.ID)
			return err
		})
		if err != nil {
			r.FailRead(w, req, err)
			return
		}
	}
	http.Redirect(w, req, "/jobs/"+url.PathEscape(j.ID)+"?asked=1", http.StatusSeeOther)
}
