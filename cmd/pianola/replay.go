package main

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/replay/window"
	"github.com/pianola/pianola/internal/service"
)

func (a *app) replayCommand() *cobra.Command {
	return group("replay", "read messages again by today's rules, and manage such jobs",
		a.replayKafkaCommand(), a.replayFilesCommand(), a.replayListCommand(), a.replayShowCommand(), a.replayResumeCommand(), a.replayCancelCommand())
}

// jobSections are the settings of commands that run a job.
var jobSections = []string{"kafka", "clickhouse", "batch", "transform", "replay", "erasure", "shutdown", "log"}

// limitFlags are the flags that limit a job.
type limitFlags struct {
	filter    string
	rate      float64
	maxErrors uint64

	flags *cobra.Command
}

// addFilter adds --filter. A resumed job keeps its filter.
func (f *limitFlags) addFilter(c *cobra.Command) {
	c.Flags().StringVar(&f.filter, "filter", "", "only messages with such an event, as action=`ACTION,subscription=ID,...`; repeat a key for alternatives")
}

// add adds --rate and --max-errors.
func (f *limitFlags) add(c *cobra.Command) {
	f.flags = c
	c.Flags().Float64Var(&f.rate, "rate", 0, "read at most `NUMBER` messages a second (default no limit)")
	c.Flags().Uint64Var(&f.maxErrors, "max-errors", 0, "stop when the job has opened more than `NUMBER` dead letters (default no limit)")
}

// check reports mistakes that need no settings.
func (f *limitFlags) check() error {
	if !(f.rate >= 0) || math.IsInf(f.rate, 0) { // also for NaN
		return errors.New("--rate: must be a number above 0")
	}
	return nil
}

// limit returns --max-errors, or nil without one.
func (f *limitFlags) limit() *uint64 {
	if !f.flags.Flags().Changed("max-errors") {
		return nil
	}
	return &f.maxErrors
}

// change applies the flags that were given to the plan of a resumed job.
func (f *limitFlags) change(p *job.Plan) {
	if f.flags.Flags().Changed("rate") {
		p.Rate = f.rate
	}
	if limit := f.limit(); limit != nil {
		p.MaxErrors = limit
	}
}

// withReplaying connects, checks the schema before any write, and passes the parts to do.
func (a *app) withReplaying(c *cobra.Command, settings config.Config, do func(*service.Replaying) error) error {
	report, stop := a.progress.start()
	defer stop()
	a.limitMemory()
	log, err := a.logger(settings.Log)
	if err != nil {
		return err
	}
	d := service.ReplayingDeps{Version: buildVersion(), Now: a.now, Log: log, Progress: report}
	return service.WithReplaying(c.Context(), settings, d, func(ctx context.Context, r *service.Replaying) error {
		c.SetContext(ctx)
		return do(r)
	})
}

// jobResult is the exit status of a job that has ended: what it found is not an error.
func jobResult(j *job.Job, err error) error {
	if err != nil || j == nil {
		return err
	}
	var found []string
	for _, one := range []struct{ count, text string }{
		{job.NewDeadLetters, "%d new dead letters (pianola dlq list)"},
		{window.Removed, "%d messages removed by retention before they were read"},
		{window.Kept, "%d rows kept although their message no longer gives them"},
	} {
		if n := j.Counts[one.count]; n > 0 {
			found = append(found, fmt.Sprintf(one.text, n))
		}
	}
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("job %s: %s: %w", j.ID, joinedList(found), errFound)
}
