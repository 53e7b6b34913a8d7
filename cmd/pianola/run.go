package main

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/export/objects"
	"github.com/pianola/pianola/internal/service"
)

// memoryTarget is the soft limit of the garbage collector. The service promises to
// stay within 512 MiB; the rest is for stacks, buffers and garbage that accumulates
// during a collection.
const memoryTarget = 384 << 20

func (a *app) runCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "run",
		Short: "consume Kafka into ClickHouse",
		Long: `Consumes the topics as a member of the consumer group and stores the messages
in ClickHouse. It commits offsets only after rows, dead letters and ledger are
stored.

The first SIGTERM or Ctrl-C starts a graceful shutdown: stop fetching, flush,
commit and leave the group, within shutdown.timeout. The second signal exits
immediately. Nothing is lost, because uncommitted messages are read again.

If piano.api_token is set, the instance that owns partition 0 of the first
topic also reconciles every reconcile.interval, like pianola reconcile. Errors
of reconciliation go to log and metrics and do not stop the service.

Health and metrics are at http.listen: /livez, /readyz, /metrics.`,
		Example: `  pianola run --config pianola.yaml
  PIANOLA_KAFKA_BROKERS=localhost:9092 PIANOLA_CLICKHOUSE_ADDR=localhost:9000 pianola run`,
		Args: cobra.NoArgs,
	}
	config.AddFlags(c.Flags())
	c.RunE = func(c *cobra.Command, _ []string) error {
		settings, err := a.load(c).Check()
		if err != nil {
			return err
		}
		log, err := a.logger(settings.Log)
		if err != nil {
			return err
		}
		for _, warning := range settings.Warnings() {
			log.Warn("configuration warning", zap.String("key", warning.Key), zap.String("warning", warning.Message))
		}
		a.limitMemory()

		registry := service.NewRegistry(readVersion(debug.ReadBuildInfo()).Version)
		s, err := service.New(c.Context(), settings, service.Options{Log: log, Registry: registry, Now: a.now, Bucket: objects.Open})
		if err != nil {
			return err
		}
		defer s.Close()
		log.Info(service.LogStarted, zap.Strings("topics", settings.Kafka.Topics), zap.String("group", settings.Kafka.Group),
			zap.String("pages", "http://"+s.Addr()))
		defer context.AfterFunc(c.Context(), func() {
			log.Info(service.LogDraining, zap.Duration("timeout", settings.Shutdown.Timeout))
		})()
		if err := s.Run(c.Context()); err != nil {
			return fmt.Errorf("run: %w", err)
		}
		log.Info(service.LogStopped)
		return nil
	}
	return c
}

// limitMemory sets the soft limit, unless GOMEMLIMIT has set one.
func limitMemory() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(memoryTarget)
	}
}
