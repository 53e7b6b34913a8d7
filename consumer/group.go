package consumer

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"
)

// group is kafka-go's group membership with a bounded end.
type group struct {
	*kafka.ConsumerGroup
	conns   *connTracker
	timeout time.Duration
}

// join starts to join the group. kafka-go's own partition watch stays off: with a
// missing topic it ends every generation at once. known receives the input of an
// assignment.
func (c *Consumer) join(known *topics) (*group, error) {
	conns := newConnTracker(c.cfg.DialTimeout)
	member, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID:                c.cfg.Group,
		Brokers:           c.cfg.Brokers,
		Topics:            c.cfg.Topics,
		GroupBalancers:    c.balancers(known),
		Dialer:            newDialer(c.cfg, c.login, conns),
		SessionTimeout:    c.cfg.SessionTimeout,
		RebalanceTimeout:  c.cfg.RebalanceTimeout,
		HeartbeatInterval: c.cfg.HeartbeatInterval,
		Timeout:           c.cfg.RequestTimeout,
		JoinGroupBackoff:  100 * time.Millisecond, // Run waits longer before the next generation
		StartOffset:       kafka.FirstOffset,
		ErrorLogger: kafka.LoggerFunc(func(format string, args ...any) {
			c.log.Debug("kafka-go", zap.String("detail", fmt.Sprintf(format, args...)))
		}),
	})
	if err != nil {
		return nil, fmt.Errorf("join group %s: %w", c.cfg.Group, err)
	}
	return &group{ConsumerGroup: member, conns: conns, timeout: c.cfg.RequestTimeout}, nil
}

// leave leaves the group and waits for it. A running join would block it for as
// long as the other members take, so after a request timeout the connection is
// closed.
func (g *group) leave() {
	left := make(chan struct{})
	go func() {
		defer close(left)
		_ = g.Close() // always nil
	}()
	timer := time.NewTimer(g.timeout)
	defer timer.Stop()
	select {
	case <-left:
	case <-timer.C:
		g.conns.all()
		<-left
	}
}

// next waits for the next generation, or for a failed join.
func (g *group) next(ctx context.Context) (*kafka.Generation, error) {
	generation, err := g.Next(ctx)
	if err != nil {
		return nil, fmt.Errorf("join group: %w", err)
	}
	return generation, nil
}
