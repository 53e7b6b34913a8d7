package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/service"
	"github.com/pianola/pianola/transform"
)

// instance is a Pianola as `pianola run` starts it, with the reconciliation of
// `pianola reconcile`, and a connection for an analyst's queries.
type instance struct {
	service     *service.Service
	analyst     driver.Conn
	reconciling *service.Reconciling
	offsets     *consumer.Consumer // reads the group's offsets for reconciliation
}

// newInstance migrates the schema and assembles the service.
func newInstance(ctx context.Context, o options, s *sandbox.Services, w *world.World, p *publisher, progress io.Writer) (*instance, error) {
	cfg := s.Configure(o.protocol, topic, database, w)
	cfg.HTTP.Listen = o.http
	p.configure(&cfg)

	log := logger(o.verbose, progress)
	if err := sandbox.Migrate(ctx, cfg, log); err != nil {
		return nil, err
	}
	var err error
	i := &instance{}
	if i.service, err = service.New(ctx, cfg, service.Options{Log: log, Registry: prometheus.NewRegistry(), Now: time.Now}); err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("%w (set by --http)", err)
		}
		return nil, err
	}
	if i.analyst, err = s.Analyst(database); err == nil {
		err = i.newReconciling(cfg, log)
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

func (i *instance) close() {
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
