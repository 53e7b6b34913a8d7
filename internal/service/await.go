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

// The pauses while servers are waited for: short at first, since they are often
// starting beside us, then doubling, so that a long outage does not fill the log,
// and never so long that an operator wonders.
const (
	firstPause   = 500 * time.Millisecond
	longestPause = 15 * time.Second
)

// awaitServers waits until Kafka and ClickHouse have both answered. What
// waiting cannot mend is returned at once.
func (s *Service) awaitServers(ctx context.Context) error {
	if err := s.await(ctx, "clickhouse", s.checkClickHouse); err != nil {
		return err
	}
	return s.await(ctx, "kafka", s.checkKafka)
}

func (s *Service) await(ctx context.Context, what string, check func(context.Context) error) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval, pauses.Multiplier = firstPause, longestPause, 2
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, check(ctx) },
		backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, pause time.Duration) {
			s.log.Warn("waiting for a server", zap.String("server", what), zap.Duration("pause", pause), zap.Error(err))
		}))
	return err
}

// checkClickHouse tells a server that is away, or short of something for the
// moment, from one that will never take us.
func (s *Service) checkClickHouse(ctx context.Context) error {
	if err := s.writer.Ping(ctx); err != nil {
		var refused *sink.Error
		if errors.As(err, &refused) && refused.Class != sink.ClassRetry {
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

// checkKafka waits for brokers alone: a login that is refused or a topic that
// is missing at the start is a mistake, however often one asks.
func (s *Service) checkKafka(ctx context.Context) error {
	err := s.consumer.Check(ctx)
	if err == nil || errors.Is(err, consumer.ErrUnreachable) {
		return err
	}
	return backoff.Permanent(err)
}
