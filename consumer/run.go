package consumer

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"
)

// Handler does the work of one generation. Its ctx ends when the generation is
// lost, or when draining has taken too long: what was fetched may then be
// finished and committed once, and the handler returns; the group cannot go on
// before. It has as long as the smaller of kafka.rebalance_timeout and
// kafka.session_timeout (kafka-go sends no more heartbeats by then): after that
// the others take over and a commit is refused. While ctx lives and
// Generation.Draining is closed, it finishes, commits and returns nil.
//
// Nil means that the next generation may come; an error ends Run with it.
type Handler func(ctx context.Context, g *Generation) error

// Run takes part in the group and calls handle once for each generation, one at
// a time, until ctx ends (nil) or a handler fails (its error); then it leaves
// the group, so that the others need not wait for a session timeout.
//
// Run itself gives up on nothing that can be mended from outside: while no
// broker answers, the login is refused or a topic is missing, it says so, tells
// Hooks.OnGroupError and tries again with back-off. Check beforehand is the way
// to fail at the start. All topics must exist: with one gone, nothing is read,
// since kafka-go's group then assigns nothing at all.
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
			// The generation that waits in the meantime was joined without the
			// topic. The first look at it sees the difference.
			if _, err := c.awaitTopics(ctx); err != nil {
				return nil // only ctx's
			}
		}
		generation, err := member.next(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil // asked to end
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

// retryJoin reports a failure to join and waits. Being told that the group
// rebalances is no failure.
func (c *Consumer) retryJoin(ctx context.Context, pause *pause, err error) error {
	if errors.Is(err, kafka.RebalanceInProgress) {
		return ctx.Err()
	}
	kind := classify(err)
	c.hooks.groupError(kind)
	c.log.Warn("group is not joined yet", zap.String("kind", string(kind)), zap.Error(c.explainGroup(kind, err)))
	return pause.wait(ctx)
}

// explainGroup adds what to do where an operator can do something.
func (c *Consumer) explainGroup(kind ErrorKind, err error) error {
	switch kind {
	case KindCoordinator, KindGroup, KindBroker, KindLeader:
		return err
	}
	return c.explain(err)
}

// serve lives one generation. It reports whether the next may follow at once:
// false where this one ended of our own accord, by a failed commit or a handler
// that gave up, which may repeat at once.
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
		// Returning lets kafka-go join again at once. A member that is to leave
		// waits for that instead.
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

// live gathers the facts, then hands the generation over. life is kafka-go's
// context of the generation, ctx Run's.
func (c *Consumer) live(ctx, life context.Context, g *Generation, known *topics, handle Handler) error {
	// Facts are of no use to a member that is about to leave.
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
	var err error
	if g.Assignments, err = c.assignments(both, g.group); err != nil {
		return nil // the generation, or Run, ended while asking
	}
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
			c.log.Error("handler holds up the rebalance", zap.Int32("generation", g.ID))
		}
	})()
	return handle(work, g)
}

// late says whether a handler has not returned within a bound.
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
