package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/replay/files"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/service"
	"github.com/pianola/pianola/schemas"
)

// storeSections are the settings of commands that only look at the records of jobs.
var storeSections = []string{"clickhouse", "replay", "log"}

func (a *app) replayListCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "list the jobs",
		Long: `Lists all jobs with their state and progress, the latest first. A job is
interrupted when its process has ended without a word.`,
		Example: `  pianola replay list
  pianola replay list --limit 0 --json`,
		Args: cobra.NoArgs,
	}
	limit := c.Flags().Int("limit", 20, "maximum `NUMBER` to list; 0 lists all")
	asJSON := jsonFlag(c)
	config.AddFlags(c.Flags(), storeSections...)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *limit < 0 {
			return usageError{errors.New("--limit: must be 0 or more")}
		}
		return a.onJobs(c, func(s *job.Store) error {
			all, err := s.List(c.Context())
			if err != nil {
				return err
			}
			listed := latest(all, *limit)
			if *asJSON {
				return a.printJSON(listed)
			}
			return a.print(jobsText(listed, len(all), a.width()))
		})
	}
	return c
}

// latest are the jobs in the order of the list, at most limit of them.
func latest(all []*job.Job, limit int) []*job.Job {
	listed := make([]*job.Job, 0, len(all))
	for i := len(all) - 1; i >= 0 && (limit == 0 || len(listed) < limit); i-- {
		listed = append(listed, all[i])
	}
	return listed
}

func (a *app) replayShowCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "show JOB",
		Short:   "show one job: its plan, rules, progress and counts",
		Example: `  pianola replay show 20261129t221530-x7k2`,
		Args:    cobra.ExactArgs(1),
	}
	asJSON := jsonFlag(c)
	config.AddFlags(c.Flags(), storeSections...)
	c.RunE = func(c *cobra.Command, args []string) error {
		return a.onJob(c, args[0], func(s *job.Store, id string) error {
			j, err := s.Find(c.Context(), id)
			if err != nil {
				return err
			}
			if *asJSON {
				return a.printJSON(j)
			}
			return a.print(jobText(j, a.width()))
		})
	}
	return c
}

func (a *app) replayCancelCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "cancel JOB",
		Short: "end a job for good",
		Long: `Ends a job for good. A running process notices it after its chunk, wherever it
runs. What the job has written stays; a new job over the same messages completes
or changes it.`,
		Example: `  pianola replay cancel 20261129t221530-x7k2`,
		Args:    cobra.ExactArgs(1),
	}
	config.AddFlags(c.Flags(), storeSections...)
	c.RunE = func(c *cobra.Command, args []string) error {
		return a.onJob(c, args[0], func(s *job.Store, id string) error {
			was, err := s.Cancel(c.Context(), id)
			if err != nil {
				return err
			}
			return a.print(canceledText(was))
		})
	}
	return c
}

// canceledText says what the cancellation of a job has done.
func canceledText(was *job.Job) string {
	switch was.State {
	case job.Running:
		return fmt.Sprintf("cancellation of job %s requested; its process on %s ends after its chunk\n", was.ID, printable(was.Instance))
	case job.Complete, job.Canceled:
		return fmt.Sprintf("job %s is %s already\n", was.ID, was.State)
	default:
		return fmt.Sprintf("job %s canceled\n", was.ID)
	}
}

func (a *app) replayResumeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "resume JOB",
		Short: "continue a job that was stopped, has failed, or was interrupted",
		Long: `Continues a job after its last checkpoint, on any machine. The rules must be those
that the job started with. After a kill the command first waits until the job
has missed its heartbeats (replay.heartbeat).

--rate and --max-errors replace the limits of the job.`,
		Example: `  pianola replay resume 20261129t221530-x7k2
  pianola replay resume 20261129t221530-x7k2 --rate 2000`,
		Args: cobra.ExactArgs(1),
	}
	var limits limitFlags
	limits.add(c)
	asJSON := jsonFlag(c)
	config.AddFlags(c.Flags(), jobSections...)
	c.RunE = func(c *cobra.Command, args []string) error {
		id, err := job.ParseID(args[0])
		if err != nil {
			err = fmt.Errorf("JOB: %w", err)
		}
		if err = errors.Join(err, limits.check()); err != nil {
			return usageError{err}
		}
		loaded := a.load(c)
		settings, err := loaded.Check(fileSections...)
		if err != nil {
			return err
		}
		return a.resume(c, settings, id, &limits, *asJSON, func() error {
			_, err := loaded.Check(jobSections...)
			return err
		})
	}
	return c
}

// resume continues a job. checkKafka checks the settings that only a job over Kafka needs.
func (a *app) resume(c *cobra.Command, settings config.Config, id string, limits *limitFlags, asJSON bool, checkKafka func() error) error {
	return a.withReplaying(c, settings, func(tools *service.Replaying) error {
		j, err := tools.Jobs.Find(c.Context(), id)
		if err != nil {
			return err
		}
		switch j.Source {
		case schemas.SourceKafka:
			if err := checkKafka(); err != nil {
				return err
			}
			j, err = tools.Replayer().Resume(c.Context(), id, limits.change)
		case schemas.SourceFile:
			l, buckets := a.loader(c, tools, files.DefaultParallel)
			defer func() { _ = buckets.Close() }() // they were only read
			j, err = l.Resume(c.Context(), id, limits.change)
		default:
			return fmt.Errorf("job %s has the source %s, which this version cannot read", id, printable(string(j.Source)))
		}
		if j == nil {
			return err
		}
		found := jobResult(j, err)
		if asJSON {
			return errors.Join(found, a.printJSON(j))
		}
		return errors.Join(found, a.print(jobSummary(j, a.width())))
	})
}

// onJob is onJobs for one job.
func (a *app) onJob(c *cobra.Command, name string, do func(s *job.Store, id string) error) error {
	id, err := job.ParseID(name)
	if err != nil {
		return usageError{fmt.Errorf("JOB: %w", err)}
	}
	return a.onJobs(c, func(s *job.Store) error { return do(s, id) })
}

// onJobs connects, checks the schema, and passes the records of jobs to do.
func (a *app) onJobs(c *cobra.Command, do func(*job.Store) error) error {
	settings, err := a.load(c).Check(storeSections...)
	if err != nil {
		return err
	}
	log, err := a.logger(settings.Log)
	if err != nil {
		return err
	}
	conn, err := service.OpenClickHouse(c.Context(), settings)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // every statement is complete
	return do(service.NewJobs(settings, conn, a.now, log, nil))
}
