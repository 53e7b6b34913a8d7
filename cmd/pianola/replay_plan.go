package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/replay/job"
)

// replayMode is what to do with a plan, and how to print it. Without a flag the plan is
// printed.
type replayMode struct {
	dryRun, execute bool
	asJSON          *bool
}

// add adds the flags. verb is what an execution does.
func (m *replayMode) add(c *cobra.Command, verb string) {
	c.Flags().BoolVar(&m.dryRun, "dry-run", false, "report what would change in the tables; writes nothing")
	c.Flags().BoolVar(&m.execute, "execute", false, verb+"; without it, print the plan")
	m.asJSON = jsonFlag(c)
}

func (m *replayMode) check() error {
	if m.dryRun && m.execute {
		return errors.New("--dry-run: cannot be combined with --execute")
	}
	return nil
}

// replayPlan is a plan and what can be done with it. Its source is Kafka or files.
type replayPlan struct {
	plan  any // for --json
	text  func(width int) string
	notes []string
	// verb is what an execution does, and noun is its name.
	verb, noun string
	// problem is why nothing can be read. empty is true where there is nothing to read,
	// and the notes say why.
	problem error
	empty   bool

	estimate func() error // completes the plan; may be nil
	compare  func() (*job.Comparison, error)
	run      func() (*job.Job, error)
}

// replayed is the result of a command.
type replayed struct {
	Plan       any             `json:"plan"`
	Comparison *job.Comparison `json:"comparison,omitempty"`
	Job        *job.Job        `json:"job,omitempty"`
}

// unknownAction is a note.
const unknownAction = "--filter has an action outside of the twelve; it selects events with exactly this text"

// actOnPlan does what the mode says, and prints the result. It prints also where a job ends with
// an error, since what it has written is durable.
func (a *app) actOnPlan(p *replayPlan, mode replayMode, log *zap.Logger) error {
	result, found, err := replayed{Plan: p.plan}, p.problem, error(nil)
	switch {
	case p.problem != nil, p.empty:
	case mode.dryRun:
		if result.Comparison, err = p.compare(); err == nil && result.Comparison.Any() {
			found = fmt.Errorf("a %s would change the tables: %w", p.noun, errFound)
		}
	case mode.execute:
		for _, note := range p.notes { // the operator must know them before the work begins
			log.Warn("note about the plan", zap.String("note", note))
		}
		result.Job, err = p.run()
		found = jobResult(result.Job, err)
	case p.estimate != nil:
		err = p.estimate()
	}
	if err != nil && result.Job == nil {
		return err
	}
	if *mode.asJSON {
		return errors.Join(found, a.printJSON(result))
	}
	return errors.Join(found, a.print(p.render(&result, a.width())))
}

// render is the plan, or the result of a dry run or a job, with the notes.
func (p *replayPlan) render(r *replayed, width int) string {
	var b strings.Builder
	end := ""
	switch {
	case r.Comparison != nil:
		b.WriteString(comparisonText(r.Comparison, width))
		end = "\ndry run; nothing was written; add --execute instead of --dry-run to " + p.verb + "\n"
	case r.Job != nil:
		b.WriteString(jobSummary(r.Job, width))
	default:
		b.WriteString(p.text(width))
		if p.problem == nil && !p.empty {
			end = "\nplan; nothing was written; --dry-run compares with the tables, --execute " + p.verb + "s\n"
		}
	}
	b.WriteString(notesText(p.notes))
	b.WriteString(end)
	return b.String()
}
