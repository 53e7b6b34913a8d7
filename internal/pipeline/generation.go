package pipeline

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// runGeneration is one membership: it checks the assignment, runs the lanes and
// the flusher, and returns after all of them have.
func (f *Flow) runGeneration(ctx context.Context, g *consumer.Generation) error {
	// A drain has nothing to flush yet, and must not wait for a ClickHouse that
	// does not answer.
	checking, checked := untilDrain(ctx, g)
	bound, err := f.bind(checking, ctx)
	var lanes []*lane
	if err == nil {
		lanes, err = f.assign(checking, g)
	}
	ended := checking.Err() != nil
	checked()
	if ended {
		return nil
	}
	if err != nil {
		return err
	}
	f.log.Info("partitions assigned", zap.Int("partitions", len(lanes)), zap.Int32("generation", g.ID))
	f.assigned.Store(true)
	defer f.assigned.Store(false)

	return f.work(bound, g.Draining(), g, lanes, func(ctx context.Context, l *lane, limiter *limiter) error {
		return l.run(ctx, f, limiter, len(lanes))
	})
}

// bind ties the work of a generation to the list of erased people. What it reads is not
// written once the list has changed: the next generation reads it again. ClickHouse may be
// down, so it tries until checking ends.
func (f *Flow) bind(checking, work context.Context) (context.Context, error) {
	if f.suppression == nil {
		return work, nil
	}
	return statement.RetryValue(checking, f.log, "read the suppression list", 0, func(ctx context.Context) (context.Context, error) {
		return f.suppression.Bind(ctx, work)
	})
}

// untilDrain returns a context that also ends with a drain. Its goroutine ends
// soon after the returned function is called.
func untilDrain(ctx context.Context, g *consumer.Generation) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-g.Draining():
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// assign decides for every partition of the generation where reading starts,
// before any partition is read.
func (f *Flow) assign(ctx context.Context, g *consumer.Generation) ([]*lane, error) {
	known, err := f.ledgerPositions(ctx, g.Assignments)
	if err != nil {
		return nil, err
	}
	var lanes []*lane
	var lost []schemas.LedgerRow
	var moved []consumer.Position
	for _, a := range g.Assignments {
		start, err := f.startOf(ctx, &a, known[a.Topic][a.Partition])
		if err != nil {
			return nil, err
		}
		lost = append(lost, start.lost...)
		if len(start.lost) > 0 || a.Committed >= 0 && a.Committed != start.offset {
			moved = append(moved, consumer.Position{Topic: a.Topic, Partition: a.Partition, Offset: start.offset})
		}
		lanes = append(lanes, newLane(a, start))
	}
	// The loss is written to the ledger before the offset moves past it.
	if err := f.acceptLosses(ctx, lost); err != nil {
		return nil, err
	}
	// Without a loss, an offset that was left behind moves to the start too: it may
	// take long until the next record of the partition commits it.
	if len(moved) > 0 {
		if err := g.Commit(ctx, moved); err != nil {
			return nil, errors.Join(errRejoin, err)
		}
	}
	return lanes, nil
}

// ledgerPositions reads the ledger's positions, by topic and partition.
func (f *Flow) ledgerPositions(ctx context.Context, assignments []consumer.Assignment) (map[string]map[int32]sink.Position, error) {
	byTopic := map[string][]int32{}
	for _, a := range assignments {
		byTopic[a.Topic] = append(byTopic[a.Topic], a.Partition)
	}
	known := map[string]map[int32]sink.Position{}
	for topic, partitions := range byTopic {
		positions, err := f.sink.Positions(ctx, topic, partitions)
		if err != nil {
			return nil, fmt.Errorf("read ledger positions of %s: %w", topic, err)
		}
		known[topic] = positions
	}
	return known, nil
}

// startOf decides where reading of one partition starts.
func (f *Flow) startOf(ctx context.Context, a *consumer.Assignment, known sink.Position) (startPosition, error) {
	if known.Reached > a.HighWatermark {
		// The ledger was read after the log range. An owner that has lost the
		// partition and does not know it yet may have written in between.
		if err := f.source.Refresh(ctx, a); err != nil {
			return startPosition{}, err
		}
	}
	return decideStart(*a, known, recordsBy(func(offset int64) (consumer.Fingerprint, bool, error) {
		return f.source.FingerprintAt(ctx, a.Topic, a.Partition, offset)
	}), func(within sink.Range) ([]sink.Range, error) {
		return f.sink.LedgerGaps(ctx, a.Topic, a.Partition, known.Epoch, within)
	})
}

// acceptLosses counts the lost ranges and writes them to the ledger. When
// consumer.on_data_loss is fail it returns them as an error instead.
func (f *Flow) acceptLosses(ctx context.Context, lost []schemas.LedgerRow) error {
	if len(lost) == 0 {
		return nil
	}
	var losses []error
	for i := range lost {
		loss := lossOf(&lost[i])
		f.metrics.addLost(loss)
		losses = append(losses, loss)
	}
	if f.config.OnDataLoss == FailOnDataLoss {
		return fmt.Errorf("%w; to accept the loss, run once with consumer.on_data_loss=continue: it is then written to ingest_ledger",
			errors.Join(losses...))
	}
	for _, loss := range losses {
		f.log.Error("data loss accepted, consumer.on_data_loss is continue", zap.Error(loss))
	}
	if err := f.sink.WriteLedger(ctx, lost); err != nil {
		return fmt.Errorf("write lost ranges to the ledger: %w", err)
	}
	return nil
}

// work runs the lanes and the flusher until ctx ends or draining closes (nil),
// or until one of them fails. It returns after all of them have. run is the
// loop of one lane, which ends with its context.
func (f *Flow) work(ctx context.Context, draining <-chan struct{}, generation Generation, lanes []*lane,
	run func(context.Context, *lane, *limiter) error) error {
	limiter := newLimiter(f.config.MaxRows, f.config.MaxBytes)
	flusher := &flusher{flow: f, generation: generation, lanes: lanes, limiter: limiter}

	// Lanes stop when the generation ends, when the service drains, or when one
	// of them or the flusher fails. The flusher continues through a drain.
	group, groupCtx := errgroup.WithContext(ctx)
	stoppable, stopLanes := context.WithCancel(groupCtx)
	defer stopLanes()
	running, laneCtx := errgroup.WithContext(stoppable)
	running.Go(func() error { <-laneCtx.Done(); return nil }) // a member may have no partition
	for _, l := range lanes {
		running.Go(func() error { return run(laneCtx, l, limiter) })
	}
	drained := make(chan struct{}) // closed below, after the last lane of a drain
	group.Go(func() error {
		err := running.Wait()
		if err == nil && groupCtx.Err() == nil {
			close(drained)
		}
		return err
	})
	group.Go(func() error {
		select {
		case <-draining:
			stopLanes()
		case <-laneCtx.Done():
		}
		return nil
	})
	group.Go(func() error {
		defer stopLanes()
		return flusher.run(groupCtx, drained)
	})
	return group.Wait()
}
