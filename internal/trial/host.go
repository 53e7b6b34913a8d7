package trial

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/service"
)

// host runs a service in the trial's own process, with the configuration that a
// process has and a clock of its own: a process cannot be given another than the
// system's. What it gives can be asked whether it is alive, and not killed; end
// drains it.
func (r *round) host(ctx context.Context, now func() time.Time) (p *process, end func() error, err error) {
	settings, err := config.Load(config.Source{Environment: r.environment("hosted")}).Check()
	if err != nil {
		return nil, nil, err
	}
	p = &process{name: "hosted", journal: &journal{generations: &r.generations}, ended: make(chan struct{})}
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	log := zap.New(zapcore.NewCore(encoder, zapcore.AddSync(p.journal), zapcore.InfoLevel))
	one, err := service.New(ctx, settings, service.Options{Log: log, Registry: prometheus.NewRegistry(), Now: now})
	if err != nil {
		return nil, nil, err
	}
	running, stop := context.WithCancel(ctx)
	go func() {
		defer close(p.ended)
		defer one.Close()
		p.err = one.Run(running)
	}()
	return p, func() error {
		stop()
		<-p.ended
		if p.err != nil {
			return fmt.Errorf("the hosted service did not drain: %w: its last lines:\n%s", p.err, p.journal.tail())
		}
		return nil
	}, nil
}
