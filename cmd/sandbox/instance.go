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

	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/service"
)

// instance is a Pianola as `pianola run` would start it, and a connection of an
// analyst's beside it.
type instance struct {
	service *service.Service
	analyst driver.Conn
}

// newInstance migrates the schema and assembles the service.
func newInstance(ctx context.Context, o options, s *sandbox.Services, w *world.World, progress io.Writer) (*instance, error) {
	cfg := s.Configure(o.protocol, topic, database, w)
	cfg.HTTP.Listen = o.http

	log := logger(o.verbose, progress)
	if err := sandbox.Migrate(ctx, cfg, log); err != nil {
		return nil, err
	}
	var err error
	i := &instance{}
	if i.service, err = service.New(ctx, cfg, service.Options{Log: log, Registry: prometheus.NewRegistry(), Now: time.Now}); err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("%w (here that is --http)", err)
		}
		return nil, err
	}
	if i.analyst, err = s.Analyst(database); err != nil {
		i.close()
		return nil, err
	}
	return i, nil
}

func (i *instance) close() {
	if i.analyst != nil {
		_ = i.analyst.Close()
	}
	i.service.Close()
}

// logger shows warnings and errors, so that the report stays readable; all of
// Pianola's log with --verbose.
func logger(verbose bool, out io.Writer) *zap.Logger {
	level := zapcore.WarnLevel
	if verbose {
		level = zapcore.DebugLevel
	}
	encoder := zap.NewDevelopmentEncoderConfig()
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(encoder), zapcore.AddSync(out), level))
}
