package service

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/export"
	"github.com/pianola/pianola/internal/httpd"
	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/suppression"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// Service is one instance. Build it with New, Run it once, then Close it.
type Service struct {
	consumer *consumer.Consumer
	writer   *sink.Writer
	flow     *pipeline.Flow
	pages    *httpd.Server
	db       *sql.DB
	lists    driver.Conn // of the suppression list
	migrator *migrate.Migrator
	log      *zap.Logger

	reconciling *Reconciling // nil when reconciliation is disabled
	exporting   *Exporting   // nil without scheduled exports
	promo       *Promo       // nil without a schedule of promo
	schedules   []*schedule
	letters     *deadLetterCount
	state       *stateFreshness
}

// Options are the dependencies that a process gives its service.
type Options struct {
	Log      *zap.Logger
	Registry *prometheus.Registry // receives the metrics of the service and serves /metrics
	Now      func() time.Time
	Bucket   export.OpenBucket // may be nil: then scheduled exports to buckets fail
}

// New builds a service from a valid configuration and binds the address of its pages.
// It does not connect to Kafka or ClickHouse. ctx limits only the binding.
func New(ctx context.Context, cfg config.Config, o Options) (_ *Service, err error) {
	s := &Service{log: o.Log}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()

	metrics := pipeline.NewMetrics(o.Registry, o.Now)
	rules, err := transform.New(cfg.TransformConfig())
	if err != nil {
		return nil, fmt.Errorf("compile the transform: %w", err)
	}
	turn := newOwnership(cfg.Kafka.Topics[0], cfg.Kafka.RebalanceTimeout)
	if s.consumer, err = consumer.New(cfg.ConsumerConfig(), o.Log, turn.watch(metrics.ConsumerHooks())); err != nil {
		return nil, fmt.Errorf("set up the consumer: %w", err)
	}
	if s.lists, err = clickhouse.Open(cfg.ClickHouseOptions()); err != nil {
		return nil, fmt.Errorf("set up the suppression list: %w", migrate.Explain(err))
	}
	list := NewSuppression(cfg, s.lists, rules, o.Now, o.Log, metrics.ReadSuppressions)
	// A loop may legitimately be silent during an insert and the pause after it.
	watchdog := pipeline.NewWatchdog(3*(cfg.ClickHouse.InsertTimeout+cfg.ClickHouse.Retry.Max), o.Now)
	hooks := watchdog.SinkHooks(metrics.SinkHooks(o.Now))
	hooks.Gate = list.Check
	if s.writer, err = sink.Open(ctx, cfg.SinkConfig(), o.Log, hooks); err != nil {
		return nil, fmt.Errorf("set up the writer: %w", err)
	}
	s.db = clickhouse.OpenDB(cfg.ClickHouseOptions())
	if s.migrator, err = migrate.New(s.db, cfg.ClickHouse.Database, o.Log); err != nil {
		return nil, fmt.Errorf("set up the schema check: %w", err)
	}

	s.letters = newDeadLetterCount(s.db, cfg.ClickHouse.Database, turn, o.Registry, o.Log)
	s.state = newStateFreshness(s.db, cfg.ClickHouse.Database, turn, o.Registry, o.Log)
	s.flow = pipeline.New(cfg.PipelineConfig(), pipeline.Deps{
		Source: s.consumer, Rules: rules, Sink: s.writer, Metrics: metrics, Watchdog: watchdog, Now: o.Now, Log: o.Log, Suppression: list,
	})
	if err := s.setUpReconciliation(cfg, o, rules, list, turn); err != nil {
		return nil, fmt.Errorf("set up reconciliation: %w", err)
	}
	if err := s.setUpExports(cfg, o, turn); err != nil {
		return nil, fmt.Errorf("set up the exports: %w", err)
	}
	if err := s.setUpPromo(cfg, o, rules, list, turn); err != nil {
		return nil, fmt.Errorf("set up the segments: %w", err)
	}
	s.pages, err = httpd.Listen(ctx, httpd.Config{
		Listen: cfg.HTTP.Listen,
		Live:   []httpd.Check{{Name: "loop", Probe: func(context.Context) error { return watchdog.Check() }}},
		Ready: []httpd.Check{
			{Name: "assigned", Probe: func(context.Context) error { return s.flow.Assigned() }},
			{Name: "clickhouse", Probe: s.writer.Ping},
			{Name: "schema", Probe: s.migrator.Check},
		},
		Metrics: o.Registry,
	}, o.Log)
	if err != nil {
		return nil, fmt.Errorf("http.listen: %w", err)
	}
	return s, nil
}

// setUpReconciliation creates the schedule, unless reconciliation is disabled.
func (s *Service) setUpReconciliation(cfg config.Config, o Options, rules *transform.Rules, list *suppression.List, turn *ownership) (err error) {
	for _, off := range cfg.Off() {
		s.log.Info(LogFeatureDisabled, zap.String("key", off.Key), zap.String("reason", off.Message))
	}
	if !cfg.Reconciles() {
		return nil
	}
	metrics := newDriftMetrics(o.Registry)
	s.reconciling, err = NewReconciling(cfg, ReconcilingDeps{
		Rules: rules, List: list, Kafka: s.consumer, Now: o.Now, Log: o.Log, API: metrics.apiHooks(), Run: metrics.runHooks(),
	})
	if err != nil {
		return err
	}
	s.schedules = append(s.schedules, newSchedule(cfg.Reconcile.Interval, turn, newReconciliation(s.reconciling, metrics, o.Now, o.Log), o.Now, o.Log.Named("reconcile")))
	return nil
}

// setUpExports creates a schedule for each item of export.schedule.
func (s *Service) setUpExports(cfg config.Config, o Options, turn *ownership) (err error) {
	items := cfg.ExportSchedule()
	if len(items) == 0 {
		return nil
	}
	metrics := newExportMetrics(o.Registry, items)
	if s.exporting, err = NewExporting(cfg, ExportingDeps{Stdout: io.Discard, Bucket: o.Bucket, Now: o.Now, Log: o.Log}); err != nil {
		return err
	}
	one := make(chan struct{}, 1)
	for _, item := range items {
		log := o.Log.Named("export").With(zap.String("view", item.View.Alias), zap.String("format", string(item.Format)), zap.String("to", item.To()))
		s.schedules = append(s.schedules, newSchedule(item.Every, turn, &scheduledExport{
			exporter: s.exporting, item: item, metrics: metrics, one: one, now: o.Now, log: log,
		}, o.Now, log))
	}
	return nil
}

// Addr is the address of the pages.
func (s *Service) Addr() string { return s.pages.Addr().String() }

// Run consumes until ctx ends, then drains. It returns nil after a clean drain. The
// pages stay available during the drain.
func (s *Service) Run(ctx context.Context) error {
	pages, stopPages := context.WithCancel(context.WithoutCancel(ctx))
	var group errgroup.Group
	failed, fail := context.WithCancel(ctx)
	defer fail()
	group.Go(func() error {
		defer fail() // without pages nobody would notice a failing service
		return s.pages.Run(pages)
	})
	group.Go(func() error {
		defer stopPages()
		if err := s.awaitServers(failed); err != nil {
			if failed.Err() != nil {
				return nil // canceled before the flow started
			}
			return err
		}
		// They end with the flow. A drain cancels them.
		beside, end := context.WithCancel(failed)
		defer end()
		group.Go(func() error { s.letters.run(beside); return nil })
		group.Go(func() error { s.state.run(beside); return nil })
		for _, one := range s.schedules {
			group.Go(func() error { one.run(beside); return nil })
		}
		return s.flow.Run(failed)
	})
	return group.Wait()
}

// Close releases the resources of New. Run must have returned.
func (s *Service) Close() {
	if s.pages != nil {
		_ = s.pages.Close()
	}
	if s.reconciling != nil {
		s.reconciling.Close()
	}
	if s.exporting != nil {
		s.exporting.Close()
	}
	if s.promo != nil {
		s.promo.Close()
	}
	if s.db != nil {
		_ = s.db.Close()
	}
	if s.lists != nil {
		_ = s.lists.Close()
	}
	if s.writer != nil {
		_ = s.writer.Close()
	}
	if s.consumer != nil {
		s.consumer.Close()
	}
}
