package harness

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/pianola/pianola/internal/service"
)

// StartInProcess runs a service in this process, with the configuration of a process and
// with a clock of its own: a process cannot have another clock than the system's. Of the
// Process only Alive and Tail may be used. end drains it.
func (r *Round) StartInProcess(ctx context.Context, now func() time.Time) (p *Process, end func() error, err error) {
	settings, err := r.ProcessConfig("hosted")
	if err != nil {
		return nil, nil, err
	}
	ended := make(chan struct{})
	p = &Process{Name: "hosted", journal: r.newJournal(), Ended: ended}
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	log := zap.New(zapcore.NewCore(encoder, zapcore.AddSync(p.journal), zapcore.InfoLevel))
	one, err := service.New(ctx, settings, service.Options{Log: log, Registry: prometheus.NewRegistry(), Now: now})
	if err != nil {
		return nil, nil, err
	}
	running, stop := context.WithCancel(ctx)
	go func() {
		defer close(ended)
		defer one.Close()
		p.err = one.Run(running)
	}()
	return p, func() error {
		stop()
		<-p.Ended
		if p.err != nil {
			return fmt.Errorf("the service in this process did not drain: %w: its last lines:\n%s", p.err, p.Tail())
		}
		return nil
	}, nil
}
