package pipeline

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// runGeneration is one membership: check the assignment, run the lanes and the
// flusher, and return once all of them have. What a lane hands on and what
// becomes of it is told in the package comment.
func (f *Flow) runGeneration(ctx context.Context, g *consumer.Generation) error {
	// A drain has nothing to flush yet, and no reason to wait for a ClickHouse
	// that does not answer.
	checking, checked := untilDrain(ctx, g)
	lanes, err := f.assign(checking, g)
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

	return f.work(ctx, g.Draining(), g, lanes, func(ctx context.Context, l *lane, limiter *limiter) error {
		return l.run(ctx, f, limiter, len(lanes))
	})
}

// untilDrain returns a context that a drain ends too. What it started has ended
// soon after the function that it returns was called.
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

// assign judges every partition of the generation before any is read.
func (f *Flow) assign(ctx context.Context, g *consumer.Generation) ([]*lane, error) {
	byTopic := map[string][]int32{}
	for _, a := range g.Assignments {
		byTopic[a.Topic] = append(byTopic[a.Topic], a.Partition)
	}
	known := map[string]map[int32]sink.Position{}
	for topic, partitions := range byTopic {
		positions, err := f.sink.Positions(ctx, topic, partitions)
		if err != nil {
			return nil, fmt.Errorf("ask the ledger about %s: %w", topic, err)
		}
		known[topic] = positions
	}

	var lanes []*lane
	var lost []schemas.LedgerRow
	var accepted []consumer.Position
	var losses []error
	for _, a := range g.Assignments {
		position := known[a.Topic][a.Partition]
		if position.Reached > a.HighWatermark {
			// The ledger is younger than what is known of the log: an owner that has
			// lost the partition and does not know it yet may have gone on.
			if err := f.source.Refresh(ctx, &a); err != nil {
				return nil, err
			}
		}
		start, err := decideStart(a, position, func(offset int64) (schemas.Millis, bool, error) {
			timestamp, found, err := f.source.TimestampAt(ctx, a.Topic, a.Partition, offset)
			return recordTime(timestamp), found, err
		}, func(within sink.Range) ([]sink.Range, error) {
			return f.sink.LedgerGaps(ctx, a.Topic, a.Partition, position.Epoch, within)
		})
		if err != nil {
			return nil, err
		}
		for i := range start.lost {
			loss := lossOf(&start.lost[i])
			f.metrics.addLost(loss)
			losses = append(losses, loss)
		}
		lost = append(lost, start.lost...)
		if len(start.lost) > 0 || a.Committed >= 0 && a.Committed != start.offset {
			accepted = append(accepted, consumer.Position{Topic: a.Topic, Partition: a.Partition, Offset: start.offset})
		}
		lanes = append(lanes, newLane(a, start))
	}
	if len(accepted) == 0 {
		return lanes, nil
	}
	if len(lost) > 0 && f.config.OnDataLoss == FailOnDataLoss {
		return nil, fmt.Errorf("%w; to accept it and go on, run once with consumer.on_data_loss=continue: the loss is then written to ingest_ledger",
			errors.Join(losses...))
	}
	for _, loss := range losses {
		f.log.Error("data loss is accepted (consumer.on_data_loss is continue)", zap.Error(loss))
	}
	// The ledger learns of the loss before the offset steps over it. An offset that
	// was left behind, with nothing lost, is brought to where reading begins: there
	// may be nothing there for long to commit it by.
	if err := f.sink.WriteLedger(ctx, lost); err != nil {
		return nil, fmt.Errorf("write the loss to the ledger: %w", err)
	}
	if err := g.Commit(ctx, accepted); err != nil {
		return nil, errors.Join(errRejoin, err)
	}
	return lanes, nil
}
