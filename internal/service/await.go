package service

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/sink"
)

// Pauses between connection attempts at start. The first is short, because servers
// often start together with the service. The pause doubles, so that a long outage
// does not fill the log.
const (
	minPause = 500 * time.Millisecond
	maxPause = 15 * time.Second
)

// awaitServers waits until Kafka and ClickHouse are available. It returns errors that
// waiting cannot fix immediately.
func (s *Service) awaitServers(ctx context.Context) error {
	if err := s.await(ctx, "clickhouse", s.checkClickHouse); err != nil {
		return err
	}
	return s.await(ctx, "kafka", s.checkKafka)
}

func (s *Service) await(ctx context.Context, what string, check func(context.Context) error) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval, pauses.Multiplier = minPause, maxPause, 2
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, check(ctx) },
		backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, pause time.Duration) {
			s.log.Warn("server not available, retrying", zap.String("server", what), zap.Duration("pause", pause), zap.Error(err))
		}))
	return err
}

// checkClickHouse marks errors as permanent unless they can disappear, such as an
// outage or a lack of memory.
func (s *Service) checkClickHouse(ctx context.Context) error {
	if err := s.writer.Ping(ctx); err != nil {
		var refused *sink.Error
		if errors.As(err, &refused) && refused.Class == sink.ClassFatal {
			return backoff.Permanent(err)
		}
		return err
	}
	err := s.migrator.Check(ctx)
	if err != nil && !statement.Transient(err) {
		return backoff.Permanent(err)
	}
	return err
}

// checkKafka retries only unreachable brokers. A rejected login or a missing topic at
// start is a configuration mistake.
func (s *Service) checkKafka(ctx context.Context) error {
	err := s.consumer.Check(ctx)
	if err == nil || errors.Is(err, consumer.ErrUnreachable) {
		return err
	}
	return backoff.Permanent(err)
}
