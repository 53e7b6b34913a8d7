package main

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/service"
)

// memoryTarget is where the garbage collector begins to work harder: what remains
// up to the 512 MiB that the service promises to stay in is for stacks, buffers
// and the moments before a collection ends (README, "What it costs").
const memoryTarget = 384 << 20

func (a *app) runCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "run",
		Short: "consume Kafka into ClickHouse until told to stop",
		Long: `Consumes the topics as a member of the group and stores what it reads. Offsets
are committed only after rows, dead letters and ledger are in ClickHouse.

The first SIGTERM or Ctrl-C drains: it stops fetching, flushes, commits and leaves
the group, within shutdown.timeout. The second ends the process at once, which
loses nothing: what was not committed is read again.

Where piano.api_token is set, the instance that owns partition 0 of the first topic
also reconciles every reconcile.interval, as pianola reconcile does by hand. What
goes wrong there is told in log and metrics, and stops nothing.

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
			log.Warn("configuration", zap.String("key", warning.Key), zap.String("warning", warning.Message))
		}
		limitMemory()

		registry := prometheus.NewRegistry()
		registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo())
		s, err := service.New(c.Context(), settings, service.Options{Log: log, Registry: registry, Now: a.now})
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

// limitMemory sets the collector's target unless the operator has (GOMEMLIMIT).
func limitMemory() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(memoryTarget)
	}
}

// buildInfo is the version as a metric, by Prometheus' custom always 1.
func buildInfo() prometheus.Collector {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "pianola", Name: "build_info",
		Help: "Always 1; the labels say which build this is."}, []string{"version", "go_version"})
	if info, ok := debug.ReadBuildInfo(); ok {
		g.WithLabelValues(info.Main.Version, info.GoVersion).Set(1)
	}
	return g
}
