package main

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/progress"
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

// replayTools are what a command that runs a job needs.
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

// replayTools connects and checks the schema before any write. Without an error the
// caller must call closeAll.
func (a *app) replayTools(c *cobra.Command, settings config.Config, report progress.Func) (_ *replayTools, closeAll func(), err error) {
	var opened []io.Closer
	end := func() {
		for _, one := range opened {
			_ = one.Close() // every statement is complete
		}
	}
	defer func() {
		if err != nil {
			end()
		}
	}()
	a.limitMemory()
	t := &replayTools{settings: settings, report: report}
	migrator, db, err := a.migrator(settings)
	if err != nil {
		return nil, nil, err
	}
	opened = append(opened, db)
	if err := migrator.Check(c.Context()); err != nil {
		return nil, nil, err
	}
	if t.log, err = a.logger(settings.Log); err != nil {
		return nil, nil, err
	}
	if t.rules, err = transform.New(settings.TransformConfig()); err != nil {
		return nil, nil, err
	}
	t.inForce = job.RulesOf(settings.TransformConfig(), buildVersion())
	if t.conn, err = clickhouse.Open(settings.ClickHouseOptions()); err != nil {
		return nil, nil, migrate.Explain(err)
	}
	opened = append(opened, t.conn)
	list, err := a.obeySuppression(c, settings, t.conn, t.rules, t.log)
	if err != nil {
		return nil, nil, err
	}
	if t.writer, err = sink.Open(c.Context(), settings.SinkConfig(), t.log, sink.Hooks{Now: a.now, Gate: list.Check}); err != nil {
		return nil, nil, err
	}
	opened = append(opened, t.writer)
	t.jobs = a.jobStore(settings, t.conn, t.log, report)
	return t, end, nil
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
