package service

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/offsets"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/sink"
)

// Offsets is the consumer group with its connections. The caller must close it.
type Offsets struct {
	*offsets.Group
	kafka  *consumer.Consumer
	ledger *sink.Writer
}

// OpenOffsets checks ClickHouse and connects. It joins no group. report may be nil.
func OpenOffsets(ctx context.Context, cfg config.Config, now func() time.Time, log *zap.Logger, report progress.Func) (*Offsets, error) {
	if _, err := CheckClickHouse(ctx, cfg); err != nil {
		return nil, err
	}
	kafka, err := consumer.New(cfg.ConsumerConfig(), log, consumer.Hooks{})
	if err != nil {
		return nil, err
	}
	ledger, err := sink.Open(ctx, cfg.SinkConfig(), log, sink.Hooks{Now: now})
	if err != nil {
		kafka.Close()
		return nil, err
	}
	return &Offsets{
		Group: offsets.New(offsets.Deps{
			Kafka: kafka, Name: cfg.Kafka.Group, Topics: cfg.Kafka.Topics, Isolation: consumer.Isolation(cfg.Kafka.Isolation),
			Timeout: cfg.Kafka.RequestTimeout, Ledger: ledger, Progress: report,
		}),
		kafka: kafka, ledger: ledger,
	}, nil
}

// Close closes the connections.
func (o *Offsets) Close() {
	_ = o.ledger.Close() // read-only
	o.kafka.Close()
}
