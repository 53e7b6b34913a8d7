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

	return f.work(ctx, g.Draining(), g, lanes, func(ctx context.Context, l *lane, gate *gate) error {
		return l.run(ctx, f, gate, len(lanes))
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
		verdict, err := judge(a, known[a.Topic][a.Partition], func(offset int64) (schemas.Millis, bool, error) {
			timestamp, found, err := f.source.TimestampAt(ctx, a.Topic, a.Partition, offset)
			return recordTime(timestamp), found, err
		})
		if err != nil {
			return nil, err
		}
		if verdict.ahead > 0 {
			f.log.Warn("the committed offset is beyond what the ledger has seen; someone moved it, and the messages between were not ingested",
				zap.String("topic", a.Topic), zap.Int32("partition", a.Partition), zap.Int64("offset", a.Committed),
				zap.Int64("messages", verdict.ahead))
		}
		if verdict.lost != nil {
			f.metrics.addLost(a.Topic, a.Partition, verdict.lost.Cause, verdict.lostCount)
			loss := &DataLossError{Topic: a.Topic, Partition: a.Partition, Cause: verdict.lost.Cause,
				From: verdict.lost.StartOffset, To: verdict.lost.NextOffset}
			losses = append(losses, loss)
			lost = append(lost, *verdict.lost)
			accepted = append(accepted, consumer.Position{Topic: a.Topic, Partition: a.Partition, Offset: verdict.start})
		}
		lanes = append(lanes, newLane(a, verdict))
	}
	if len(lost) == 0 {
		return lanes, nil
	}
	if f.config.OnDataLoss == FailOnDataLoss {
		return nil, fmt.Errorf("%w; to accept it and go on, run once with consumer.on_data_loss=continue: the loss is then written to ingest_ledger",
			errors.Join(losses...))
	}
	for _, loss := range losses {
		f.log.Error("data loss is accepted (consumer.on_data_loss is continue)", zap.Error(loss))
	}
	// The ledger learns of the loss before the offset steps over it.
	if err := f.sink.WriteLedger(ctx, lost); err != nil {
		return nil, fmt.Errorf("write the loss to the ledger: %w", err)
	}
	if err := g.Commit(ctx, accepted); err != nil {
		return nil, errors.Join(errRejoin, err)
	}
	return lanes, nil
}
