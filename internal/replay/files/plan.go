package files

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/safetext"
	"github.com/pianola/pianola/schemas"
)

// Limits are what the user asks of a job.
type Limits struct {
	Filter    job.Filter
	Rate      float64
	MaxErrors *uint64
	// Replace allows to remove what an earlier load of other content under the same name
	// has stored and the files no longer give.
	Replace bool
	// Again reads files that a complete job has loaded by the same rules.
	Again bool
}

// Plan is what a job would read.
type Plan struct {
	Files    []File    `json:"files"` // in the order of reading
	Loaded   []File    `json:"already_loaded"`
	Problems []Problem `json:"problems"`
	Bytes    uint64    `json:"bytes"`
	// Rows is how many rows are known: those of Parquet.
	Rows     uint64    `json:"known_rows"`
	Filter   string    `json:"filter,omitempty"`
	Rate     float64   `json:"rate,omitempty"`
	Parallel int       `json:"parallel"`
	Rules    job.Rules `json:"rules"`
	Estimate *Estimate `json:"estimate,omitempty"`
	Notes    []string  `json:"notes"`

	named map[string]named // by name
	job   job.Plan
}

// Options are what a job over files knows beside its ranges.
type Options struct {
	Files []File `json:"files"`
	// Stale are the names of files whose earlier rows are looked through at the end.
	Stale []string `json:"stale,omitempty"`
}

// Estimate is how long the job takes.
type Estimate struct {
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"bytes_per_second"`
	Source  string  `json:"source"` // how the rate is known
}

// parallelLooks is how many files are looked at at a time: in a bucket each costs some
// round trips.
const parallelLooks = 8

// Plan finds the files and looks at the start of each. It changes nothing.
func (l *Loader) Plan(ctx context.Context, arguments []string, d Dialects, limits Limits) (*Plan, error) {
	all, err := l.deps.Places.expand(ctx, arguments)
	if err != nil {
		return nil, err
	}
	found, problems := make([]File, len(all)), make([]error, len(all))
	looked := l.deps.Progress.Count("look at the files", "files", uint64(len(all)))
	tasks, looking := errgroup.WithContext(ctx)
	tasks.SetLimit(parallelLooks)
	for i, n := range all {
		tasks.Go(func() error {
			found[i], problems[i] = l.opener.inspect(looking, n, d, l.deps.Rules, l.deps.Now())
			looked.Add(1)
			return context.Cause(looking)
		})
	}
	if err := tasks.Wait(); err != nil {
		return nil, err
	}
	plan := &Plan{Files: []File{}, Loaded: []File{}, Problems: []Problem{}, Notes: []string{}, Filter: limits.Filter.String(), Rate: limits.Rate,
		Parallel: l.deps.Parallel, Rules: l.deps.InForce, named: map[string]named{}}
	for i, n := range all {
		if problems[i] != nil {
			plan.Problems = append(plan.Problems, Problem{n.name, problems[i].Error()})
			continue
		}
		plan.named[n.name] = n
		plan.Files = append(plan.Files, found[i])
	}
	if err := l.addEarlier(ctx, plan, limits); err != nil {
		return nil, err
	}
	return plan, plan.finish(limits)
}

// finish puts the files in order and makes the plan of the job. Neighbours in time fall
// into the same months, so that an insert makes few parts.
func (p *Plan) finish(limits Limits) error {
	slices.SortStableFunc(p.Files, func(a, b File) int {
		if a.FirstEvent == nil || b.FirstEvent == nil {
			return cmp.Compare(asInt(a.FirstEvent == nil), asInt(b.FirstEvent == nil))
		}
		return a.FirstEvent.Compare(*b.FirstEvent)
	})
	p.job = job.Plan{Filter: limits.Filter, Rate: limits.Rate, MaxErrors: limits.MaxErrors}
	options := Options{Files: p.Files}
	for _, f := range p.Files {
		r := job.Range{Name: f.Name}
		if f.Rows != nil {
			r.To = *f.Rows
			p.Rows += uint64(*f.Rows)
		}
		p.job.Ranges = append(p.job.Ranges, r)
		p.Bytes += uint64(f.Stamp.Size)
		if f.Before != nil && limits.Filter.IsZero() {
			options.Stale = append(options.Stale, f.Name)
		}
	}
	p.explain(limits)
	var err error
	if p.job.Options, err = json.Marshal(options); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	return nil
}

func asInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// addEarlier finds what earlier jobs have read of the same files.
func (l *Loader) addEarlier(ctx context.Context, p *Plan, limits Limits) error {
	jobs, err := l.deps.Jobs.List(ctx)
	if err != nil {
		return err
	}
	earlier, inForce := latestOf(jobs), l.deps.InForce.SHA256()
	var files []File
	for _, f := range p.Files {
		if before, read := earlier[f.Name]; read {
			j, same := before.job, before.stamp.Equal(f.Stamp)
			if same && j.State == job.Complete && j.Plan.Filter.IsZero() && j.RulesSHA256 == inForce {
				f.Loaded = j.ID
			} else {
				f.Before = &Earlier{JobID: j.ID, At: j.StartedAt, SameContent: same}
			}
		}
		if f.Loaded != "" && !limits.Again {
			p.Loaded = append(p.Loaded, f)
			continue
		}
		files = append(files, f)
	}
	p.Files = files
	l.estimate(p, jobs)
	return nil
}

// reading is the latest job that may have stored rows of a file, and what the file was.
type reading struct {
	job   *job.Job
	stamp Stamp
}

// latestOf maps the name of each file to its latest job. The jobs are in the order of their
// starts.
func latestOf(jobs []*job.Job) map[string]reading {
	latest := map[string]reading{}
	for _, j := range jobs {
		var o Options
		if j.Source != schemas.SourceFile || json.Unmarshal(j.Plan.Options, &o) != nil {
			continue
		}
		for _, f := range o.Files {
			latest[f.Name] = reading{j, f.Stamp}
		}
	}
	return latest
}

// guessedRate is how many bytes of files a second are assumed before a job was complete.
const guessedRate = 10 << 20

// estimate takes the rate of the last complete job.
func (l *Loader) estimate(p *Plan, jobs []*job.Job) {
	var bytes float64
	for _, f := range p.Files {
		bytes += float64(f.Stamp.Size)
	}
	p.Estimate = &Estimate{Seconds: bytes / guessedRate, Rate: guessedRate, Source: "a guess; no job over files is complete yet"}
	for _, j := range slices.Backward(jobs) {
		if j.Source != schemas.SourceFile || j.State != job.Complete || j.FinishedAt == nil || j.Planned == 0 {
			continue
		}
		if took := j.FinishedAt.Sub(j.StartedAt); took > time.Second {
			rate := float64(j.Planned) / took.Seconds()
			p.Estimate = &Estimate{Seconds: bytes / rate, Rate: rate, Source: "the rate of job " + j.ID}
			return
		}
	}
}

// explain adds what an operator must know.
func (p *Plan) explain(limits Limits) {
	similar := map[string]string{}
	for _, f := range p.Files {
		for name, field := range f.Columns.Similar {
			similar[name] = field
		}
		if f.Before != nil && !f.Before.SameContent {
			p.note("%s was loaded before with other content, by job %s; events that it no longer has are removed at the end, which needs --replace. If it is another file, give it another name", f.Name, f.Before.JobID)
		}
	}
	for name, field := range similar {
		p.note("column %s is ignored; if it is %s, map it with transform.field_aliases", name, field)
	}
	if len(p.Loaded) > 0 {
		p.note("%d files were loaded by a complete job with the same rules and are left out; --again reads them", len(p.Loaded))
	}
	if !limits.Filter.IsZero() && slices.ContainsFunc(p.Files, func(f File) bool { return f.Before != nil }) {
		p.note("with --filter, events that the files gave before and no longer give stay")
	}
	slices.Sort(p.Notes)
}

func (p *Plan) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

// problem is the error of a plan with files that cannot be read.
func (p *Plan) problem() error {
	return fmt.Errorf("%d files cannot be read, the first is %s: %s", len(p.Problems), safetext.Name(p.Problems[0].Name), p.Problems[0].Text)
}

// refuse is why a plan cannot be executed.
func (p *Plan) refuse(limits Limits) error {
	if len(p.Problems) > 0 {
		return p.problem()
	}
	for _, f := range p.Files {
		if f.Before != nil && !f.Before.SameContent && !limits.Replace && limits.Filter.IsZero() {
			return fmt.Errorf("%s was loaded before with other content, by job %s; add --replace to remove events that it no longer has, or give it another name", safetext.Name(f.Name), f.Before.JobID)
		}
	}
	return nil
}

// nameStdin gives standard input the name of its job, so that its coordinates are its own.
func (p *Plan) nameStdin(id string) error {
	if len(p.Files) != 1 || p.Files[0].Name != Stdin {
		return nil
	}
	name := "stdin:" + id
	p.named[name] = p.named[Stdin]
	p.Files[0].Name, p.job.Ranges[0].Name = name, name
	var err error
	if p.job.Options, err = json.Marshal(Options{Files: p.Files}); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	return nil
}
