package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/replay/window"
	"github.com/pianola/pianola/internal/service"
)

func (a *app) replayKafkaCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "kafka",
		Short: "read a window of the stream again by today's rules",
		Long: `Reads a window of the topics again, applies today's rules, and replaces in place
what its messages gave before. It joins no consumer group, and pianola run may
go on. The window is one of record times or of offsets, and its end is fixed
when the command starts.

Without a flag it prints the plan. --dry-run reads all messages and reports what
would change. --execute replaces: a message that gives the same event as before
is left alone. Where a message gives another event, the old row goes; dead
letters are resolved or opened, and filtered ids follow. Repeating a replay
changes nothing.

An execution is a job. It may be interrupted at any moment, and continues with
pianola replay resume. Change the settings of pianola run first, or it brings
back what it reads again by its old rules.

The exit status is 3 when a dry run finds differences, and when a job has opened
dead letters, or could not read all messages of the plan.`,
		Example: `  pianola replay kafka --from 2026-01-31T00:00:00Z --to '2026-02-07 00:00 Europe/Berlin'
  pianola replay kafka --last 6h --dry-run
  pianola replay kafka --from-offsets 0:1200417,3:9000 --filter action=Renewed --rate 5000 --execute`,
		Args: cobra.NoArgs,
	}
	var asked windowFlags
	asked.add(c)
	var limits limitFlags
	limits.addFilter(c)
	limits.add(c)
	var mode replayMode
	mode.add(c, "replace")
	config.AddFlags(c.Flags(), jobSections...)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := mode.check(); err != nil {
			return usageError{err}
		}
		// The flags first: a mistake in them is not one of the settings.
		settings, err := a.load(c).Check(jobSections...)
		topics := settings.Kafka.Topics
		if err != nil {
			topics = config.Defaults().Kafka.Topics
		}
		w, mistake := asked.window(c, topics, a.now())
		if mistake = errors.Join(mistake, limits.check()); mistake != nil {
			return usageError{mistake}
		}
		if err != nil {
			return err
		}
		return a.replayKafka(c, settings, w, &limits, mode)
	}
	return c
}

func (a *app) replayKafka(c *cobra.Command, settings config.Config, w window.Window, limits *limitFlags, mode replayMode) error {
	return a.withReplaying(c, settings, func(tools *service.Replaying) error {
		filter, unknown, err := job.ParseFilter(limits.filter, tools.Rules)
		if err != nil {
			return usageError{fmt.Errorf("--filter: %w", err)}
		}
		r := tools.Replayer()
		plan, err := r.Plan(c.Context(), w, window.Limits{Filter: filter, Rate: limits.rate, MaxErrors: limits.limit()})
		if errors.As(err, new(*window.UnknownError)) {
			return usageError{err}
		}
		if err != nil {
			return err
		}
		if len(unknown) > 0 {
			plan.Notes = append(plan.Notes, unknownAction)
		}
		of := &replayPlan{
			plan: plan, notes: plan.Notes, verb: "replace", noun: "replay",
			text:     func(width int) string { return planText(plan, width) },
			estimate: func() error { return r.Estimate(c.Context(), plan) },
			compare:  func() (*job.Comparison, error) { return r.Compare(c.Context(), plan) },
			run:      func() (*job.Job, error) { return r.Execute(c.Context(), plan) },
		}
		if plan.Empty() {
			of.problem = errEmptyWindow
		}
		return a.actOnPlan(of, mode, tools.Log)
	})
}

var errEmptyWindow = errors.New("the window has no messages, so nothing was read; see the notes of the plan")
