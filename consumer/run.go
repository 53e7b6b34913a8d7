package consumer

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"
)

// Handler processes one generation. Its ctx ends when the generation is lost, or
// when draining took too long. Then it may finish and commit once, and must
// return: the group cannot continue before. It has the smaller of
// kafka.rebalance_timeout and kafka.session_timeout (kafka-go no longer sends
// heartbeats). After that other members own the partitions and a commit is
// refused. While ctx lives and Generation.Draining is closed, it finishes,
// commits and returns nil.
//
// After nil the next generation may start. An error ends Run.
type Handler func(ctx context.Context, g *Generation) error

// Run joins the group and calls handle for each generation, one at a time, until
// ctx ends (nil) or a handler fails (its error). Then it leaves the group, so
// that the others need not wait for a session timeout.
//
// Run does not give up on what can be fixed from outside. While no broker
// answers, the login is refused or a topic is missing, it logs, calls
// Hooks.OnGroupError and retries with back-off. Use Check to fail at the start.
// All topics must exist: with one missing nothing is read, because kafka-go then
// assigns nothing.
func (c *Consumer) Run(ctx context.Context, handle Handler) error {
	counts, err := c.awaitTopics(ctx)
	if err != nil {
		return nil // only ctx's: there is nothing to leave
	}
	known := &topics{counts: counts}
	member, err := c.join(known)
	if err != nil {
		return err
	}
	defer member.leave()

	pause := newPause()
	for ctx.Err() == nil {
		if c.missing(known.known()) != nil {
			// The waiting generation was joined without the topic. Its first
			// metadata check sees the difference.
			if _, err := c.awaitTopics(ctx); err != nil {
				return nil // only ctx's
			}
		}
		generation, err := member.next(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil // shutdown
			}
			if c.retryJoin(ctx, pause, err) != nil {
				return nil // only ctx's
			}
			continue
		}
		again, err := c.serve(ctx, generation, known, member, handle)
		if err != nil {
			return err
		}
		if again {
			pause.reset()
		} else if pause.wait(ctx) != nil {
			return nil
		}
	}
	return nil
}

// retryJoin reports a failed join and waits. A rebalance is not a failure.
func (c *Consumer) retryJoin(ctx context.Context, pause *pause, err error) error {
	if errors.Is(err, kafka.RebalanceInProgress) {
		return ctx.Err()
	}
	kind := classify(err)
	if isForeignProtocol(err) {
		err = c.explainProtocol(ctx, err)
	}
	c.hooks.groupError(kind)
	c.log.Warn("group join failed, retrying", zap.String("kind", string(kind)), zap.Error(c.explainGroup(kind, err)))
	return pause.wait(ctx)
}

// explainGroup adds a hint when an operator can do something.
func (c *Consumer) explainGroup(kind ErrorKind, err error) error {
	switch kind {
	case KindCoordinator, KindGroup, KindBroker, KindLeader:
		return err
	}
	return c.explain(err)
}

// serve runs one generation. again reports whether the next may follow at once.
// It is false after a failed commit or a handler that gave up, which may repeat
// at once.
func (c *Consumer) serve(ctx context.Context, generation *kafka.Generation, known *topics, member *group, handle Handler) (again bool, err error) {
	g := &Generation{
		ID: generation.ID, MemberID: generation.MemberID,
		draining: ctx.Done(), group: generation, hooks: c.hooks, broken: make(chan struct{}),
	}
	result := make(chan error, 1)
	release := make(chan struct{})
	lost := make(chan bool, 1)
	generation.Start(func(life context.Context) {
		err := c.live(ctx, life, g, known, handle)
		lost <- life.Err() != nil
		result <- err
		// Returning lets kafka-go rejoin at once. A member that must leave waits
		// for that instead.
		select {
		case <-life.Done():
		case <-release:
		}
	})
	err = <-result
	g.retire()
	if err != nil || ctx.Err() != nil {
		member.leave()
	}
	close(release)
	select {
	case <-g.broken:
		return false, err
	default:
		return <-lost, err
	}
}

// live looks up the log ranges, then calls the handler. life is kafka-go's
// context of the generation, ctx is Run's.
func (c *Consumer) live(ctx, life context.Context, g *Generation, known *topics, handle Handler) error {
	// A member that is about to leave needs no log ranges.
	both, cancelBoth := context.WithCancel(life)
	defer cancelBoth()
	defer context.AfterFunc(ctx, cancelBoth)()

	if c.look(both, known) {
		return nil
	}
	g.group.Start(func(life context.Context) { c.watch(life, known) })
	g.group.Start(func(life context.Context) {
		select {
		case <-life.Done():
		case <-g.broken:
		}
	})
	described := make(chan struct{})
	go func() {
		defer close(described)
		c.warnForeign(both)
	}()
	assignments, err := c.assignments(both, g.group)
	<-described
	if err != nil {
		return nil // the generation or Run ended meanwhile
	}
	g.Assignments = assignments
	c.hooks.generationStart(g.ID, g.Assignments)
	c.log.Info(LogGenerationStarted, zap.Int32("generation", g.ID), zap.Int("partitions", len(g.Assignments)))
	start := time.Now()
	defer func() {
		c.hooks.generationEnd(g.ID, time.Since(start))
		c.log.Info("generation ended", zap.Int32("generation", g.ID), zap.Duration("elapsed", time.Since(start)))
	}()

	work, cancel := context.WithCancelCause(life)
	defer cancel(nil)
	returned := make(chan struct{})
	defer close(returned)
	defer context.AfterFunc(ctx, func() {
		if exceeds(returned, c.cfg.DrainTimeout) {
			cancel(ErrDrainTimeout)
		}
	})()
	defer context.AfterFunc(life, func() {
		if exceeds(returned, min(c.cfg.RebalanceTimeout, c.cfg.SessionTimeout)) {
			c.log.Error("handler is blocking the rebalance", zap.Int32("generation", g.ID))
		}
	})()
	return handle(work, g)
}

// exceeds reports whether a handler has not returned within a bound.
func exceeds(returned <-chan struct{}, bound time.Duration) bool {
	timer := time.NewTimer(bound)
	defer timer.Stop()
	select {
	case <-returned:
		return false
	case <-timer.C:
		return true
	}
}
