package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/service"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// instance is a Pianola as `pianola run` starts it, with the reconciliation of
// `pianola reconcile`, and a connection for an analyst's queries.
type instance struct {
	service     *service.Service
	analyst     driver.Conn
	reconciling *service.Reconciling
	offsets     *consumer.Consumer // reads the group's offsets for reconciliation
	console     *webConsole        // nil with --exit
}

// settings is the configuration of a Pianola that uses the services.
func settings(o options, s *sandbox.Services, w *world.World, p *publisher) config.Config {
	cfg := s.Configure(o.protocol, topic, database, w)
	if p != nil {
		p.configure(&cfg)
	}
	return cfg
}

// version is that of the module, for a build from a release.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}

// newInstance migrates the schema and assembles the service.
func newInstance(ctx context.Context, o options, s *sandbox.Services, w *world.World, p *publisher, progress io.Writer) (*instance, error) {
	cfg := settings(o, s, w, p)
	cfg.HTTP.Listen = o.http

	log := logger(o.verbose, progress)
	if err := sandbox.Migrate(ctx, cfg, log); err != nil {
		return nil, err
	}
	var err error
	i := &instance{}
	if i.service, err = service.New(ctx, cfg, service.Options{Log: log, Registry: service.NewRegistry(version()), Now: time.Now}); err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("%w (set by --http)", err)
		}
		return nil, err
	}
	if i.analyst, err = s.Analyst(database); err == nil {
		err = i.newReconciling(cfg, log)
	}
	if err == nil && !o.exit {
		i.console, err = openConsole(ctx, o, cfg, log)
	}
	if err != nil {
		i.close()
		return nil, err
	}
	return i, nil
}

// newReconciling assembles the reconciliation.
func (i *instance) newReconciling(cfg config.Config, log *zap.Logger) error {
	rules, err := transform.New(cfg.TransformConfig())
	if err != nil {
		return fmt.Errorf("compile the transform: %w", err)
	}
	if i.offsets, err = consumer.New(cfg.ConsumerConfig(), log, consumer.Hooks{}); err != nil {
		return fmt.Errorf("create the offset reader: %w", err)
	}
	i.reconciling, err = service.NewReconciling(cfg, service.ReconcilingDeps{Rules: rules, Kafka: i.offsets, Now: time.Now, Log: log})
	return err
}

// run runs the service and its console until ctx ends.
func (i *instance) run(ctx context.Context) error {
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return i.service.Run(ctx) })
	if i.console != nil {
		work.Go(func() error { return i.console.Run(ctx) })
	}
	return work.Wait()
}

// computeMetrics makes the pages of the console show the whole year at once. ClickHouse
// computes the state and the metrics by itself within minutes.
func (i *instance) computeMetrics(ctx context.Context) error {
	o := schemas.Options{Database: database}
	if err := clickhouse.RefreshState(ctx, i.analyst, o); err != nil {
		return err
	}
	return clickhouse.RefreshMarts(ctx, i.analyst, o)
}

func (i *instance) close() {
	if i.console != nil {
		i.console.close()
	}
	if i.reconciling != nil {
		i.reconciling.Close()
	}
	if i.offsets != nil {
		i.offsets.Close()
	}
	if i.analyst != nil {
		_ = i.analyst.Close()
	}
	i.service.Close()
}

// logger shows warnings and errors only, so that the report stays readable. With
// --verbose it shows all log messages.
func logger(verbose bool, out io.Writer) *zap.Logger {
	level := zapcore.WarnLevel
	if verbose {
		level = zapcore.DebugLevel
	}
	encoder := zap.NewDevelopmentEncoderConfig()
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(encoder), zapcore.AddSync(out), level))
}
