package main

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/replay/deadletters"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/replay/kafkalog"
	"github.com/pianola/pianola/internal/replay/window"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
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

// replayTools are what a command that processes messages again needs.
type replayTools struct {
	settings config.Config
	log      *zap.Logger
	rules    *transform.Rules
	inForce  job.Rules
	writer   *sink.Writer
	conn     driver.Conn
	jobs     *job.Store
	report   progress.Func
}

// withReplayTools connects, checks the schema before any write, and passes the tools to do.
func (a *app) withReplayTools(c *cobra.Command, settings config.Config, do func(*replayTools) error) error {
	report, stop := a.progress.start()
	defer stop()
	a.limitMemory()
	log, err := a.logger(settings.Log)
	if err != nil {
		return err
	}
	return a.onReplayTools(c.Context(), settings, log, report, func(ctx context.Context, tools *replayTools) error {
		c.SetContext(ctx)
		return do(tools)
	})
}

// onReplayTools is withReplayTools without a command. The context of do is bound to the
// list of erased people.
func (a *app) onReplayTools(ctx context.Context, settings config.Config, log *zap.Logger, report progress.Func, do func(context.Context, *replayTools) error) error {
	rules, err := transform.New(settings.TransformConfig())
	if err != nil {
		return err
	}
	conn, err := a.openClickHouse(ctx, settings)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // every statement is complete
	ctx, list, err := a.bindSuppression(ctx, settings, conn, rules, log)
	if err != nil {
		return err
	}
	writer, err := sink.Open(ctx, settings.SinkConfig(), log, sink.Hooks{Now: a.now, Gate: list.Check})
	if err != nil {
		return err
	}
	defer func() { _ = writer.Close() }() // every statement is complete
	return do(ctx, &replayTools{
		settings: settings, log: log, rules: rules, inForce: job.RulesOf(settings.TransformConfig(), buildVersion()),
		writer: writer, conn: conn, jobs: a.jobStore(settings, conn, log, report), report: report,
	})
}

// redriver is for dead letters.
func (t *replayTools) redriver(a *app) *deadletters.Redriver {
	return deadletters.New(deadletters.Deps{
		Kafka: t.settings.ConsumerConfig(), Timeout: kafkalog.DefaultTimeout, Rules: t.rules, Writer: t.writer,
		Conn: t.conn, Database: t.settings.ClickHouse.Database, Now: a.now, Log: t.log, Progress: t.report,
	})
}

func (a *app) jobStore(settings config.Config, conn driver.Conn, log *zap.Logger, report progress.Func) *job.Store {
	return job.NewStore(job.Deps{
		Conn: conn, Database: settings.ClickHouse.Database, Instance: settings.Consumer.Instance, Heartbeat: settings.Replay.Heartbeat,
		Grace: settings.Shutdown.Timeout, Now: a.now, Log: log, Progress: report,
	})
}

// replayer is for jobs that read Kafka.
func (t *replayTools) replayer(a *app) *window.Replayer {
	return window.New(window.Deps{
		Kafka: t.settings.ConsumerConfig(), Timeout: kafkalog.DefaultTimeout, Patience: window.DefaultPatience,
		Rules: t.rules, InForce: t.inForce, Writer: t.writer, Conn: t.conn, Database: t.settings.ClickHouse.Database, Jobs: t.jobs,
		MaxRows: t.settings.Batch.MaxRows, MaxBytes: int(t.settings.Batch.MaxBytes), Now: a.now, Log: t.log, Progress: t.report,
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
