package consumer

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"
)

// group is kafka-go's membership, with an end that is bounded.
type group struct {
	*kafka.ConsumerGroup
	conns   *connTracker
	timeout time.Duration
}

// join begins to take part in the group. kafka-go's own watch over partitions
// stays off: with a topic missing it ends every generation as it begins. What an
// assignment is made from here is told to known.
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
		JoinGroupBackoff:  100 * time.Millisecond, // Run waits longer, before it asks for the next
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

// leave leaves the group and waits until it has. A join that is under way would
// hold it for as long as the others take; after a request's time its connection
// is cut.
func (g *group) leave() {
	left := make(chan struct{})
	go func() {
		defer close(left)
		_ = g.Close() // never an error
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

// next waits for the next generation, or for the failure to get one.
func (g *group) next(ctx context.Context) (*kafka.Generation, error) {
	generation, err := g.Next(ctx)
	if err != nil {
		return nil, fmt.Errorf("join group: %w", err)
	}
	return generation, nil
}
