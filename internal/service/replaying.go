package service

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
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

// Replaying is what work that processes messages again needs, with its connections.
type Replaying struct {
	ReplayingDeps
	Settings config.Config
	Rules    *transform.Rules // they obey the list of erased people
	InForce  job.Rules
	Writer   *sink.Writer
	Conn     driver.Conn
	Jobs     *job.Store
}

// ReplayingDeps are the dependencies of a Replaying.
type ReplayingDeps struct {
	Version  string // of the binary: its code is part of the rules
	Now      func() time.Time
	Log      *zap.Logger
	Progress progress.Func // may be nil
}

// WithReplaying connects, checks the schema before any write, and passes the parts to do.
// The context of do is bound to the list of erased people: what do writes is refused when
// the list has changed, and the work must be repeated.
func WithReplaying(ctx context.Context, cfg config.Config, d ReplayingDeps, do func(context.Context, *Replaying) error) error {
	rules, err := transform.New(cfg.TransformConfig())
	if err != nil {
		return err
	}
	conn, err := OpenClickHouse(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // every statement is complete
	list := NewSuppression(cfg, conn, rules, d.Now, d.Log, nil)
	ctx, err = list.Bind(ctx, ctx)
	if err != nil {
		return err
	}
	writer, err := sink.Open(ctx, cfg.SinkConfig(), d.Log, sink.Hooks{Now: d.Now, Gate: list.Check})
	if err != nil {
		return err
	}
	defer func() { _ = writer.Close() }() // every statement is complete
	return do(ctx, &Replaying{
		ReplayingDeps: d, Settings: cfg, Rules: rules, InForce: job.RulesOf(cfg.TransformConfig(), d.Version),
		Writer: writer, Conn: conn, Jobs: NewJobs(cfg, conn, d.Now, d.Log, d.Progress),
	})
}

// Redriver is for dead letters.
func (r *Replaying) Redriver() *deadletters.Redriver {
	return deadletters.New(deadletters.Deps{
		Kafka: r.Settings.ConsumerConfig(), Timeout: kafkalog.DefaultTimeout, Rules: r.Rules, Writer: r.Writer,
		Conn: r.Conn, Database: r.Settings.ClickHouse.Database, Now: r.Now, Log: r.Log, Progress: r.Progress,
	})
}

// Replayer is for jobs that read Kafka.
func (r *Replaying) Replayer() *window.Replayer {
	return window.New(window.Deps{
		Kafka: r.Settings.ConsumerConfig(), Timeout: kafkalog.DefaultTimeout, Patience: window.DefaultPatience,
		Rules: r.Rules, InForce: r.InForce, Writer: r.Writer, Conn: r.Conn, Database: r.Settings.ClickHouse.Database, Jobs: r.Jobs,
		MaxRows: r.Settings.Batch.MaxRows, MaxBytes: int(r.Settings.Batch.MaxBytes), Now: r.Now, Log: r.Log, Progress: r.Progress,
	})
}

// NewJobs reads and writes the records of jobs. report may be nil.
func NewJobs(cfg config.Config, conn driver.Conn, now func() time.Time, log *zap.Logger, report progress.Func) *job.Store {
	return job.NewStore(job.Deps{
		Conn: conn, Database: cfg.ClickHouse.Database, Instance: cfg.Consumer.Instance, Heartbeat: cfg.Replay.Heartbeat,
		Grace: cfg.Shutdown.Timeout, Now: now, Log: log, Progress: report,
	})
}
