package harness

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/wait"
)

// Backlog is how far the publisher is ahead of the ledger: enough that a process always
// has batches to fetch, and little enough that the stream lasts as long as the faults.
const Backlog = 3000

// ahead is Backlog, or less in a small world, so that the world takes several flushes.
func (r *Round) ahead() int64 { return min(Backlog, int64(r.World.Total()/4)) }

// PublishBacklog sends the world's messages, always a backlog ahead.
func (r *Round) PublishBacklog(ctx context.Context) error {
	allowed := r.ahead()
	return r.PublishWhen(ctx, func(sent int64) (bool, error) {
		if sent < allowed {
			return true, nil
		}
		covered, err := r.Covered(ctx)
		allowed = covered + r.ahead()
		return sent < allowed, err
	})
}

// PublishWhen sends each message once ready allows it. ready is asked repeatedly, with
// the number of messages that have been sent.
func (r *Round) PublishWhen(ctx context.Context, ready func(sent int64) (bool, error)) error {
	producer, err := kafka.NewProducer(r.Env.Broker.Addr, r.Env.access...)
	if err != nil {
		return fmt.Errorf("connect the publisher: %w", err)
	}
	defer producer.Close()
	sent := int64(0)
	for m := range r.World.Messages() {
		for now := false; !now; {
			if now, err = ready(sent); err == nil && !now {
				err = wait.For(ctx, 10*time.Millisecond)
			}
			if err != nil {
				return err
			}
		}
		err := producer.Send(ctx, kafka.Record{Topic: r.Topic, Partition: m.Partition, Key: m.Key, Value: m.Value, Time: m.Time,
			Headers: []kgo.RecordHeader{{Key: numberHeader, Value: strconv.AppendInt(nil, sent, 10)}}})
		if err != nil {
			return fmt.Errorf("publish the world: %w", err)
		}
		sent++
	}
	if err := producer.Flush(ctx); err != nil {
		return fmt.Errorf("publish the world: %w", err)
	}
	return nil
}

// PublishAll sends the messages as fast as possible, and then makes the ends known.
func (r *Round) PublishAll(ctx context.Context) error {
	if err := r.PublishWhen(ctx, func(int64) (bool, error) { return true, nil }); err != nil {
		return err
	}
	r.SetTruth(r.truth)
	return nil
}

// NewProducer makes a client that writes to the round's topic, to the partition that each
// record names. The caller closes it.
func (r *Round) NewProducer(options ...kgo.Opt) (*kgo.Client, error) {
	own := append(slices.Clone(r.Env.access),
		kgo.SeedBrokers(r.Env.Broker.Addr), kgo.DefaultProduceTopic(r.Topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	client, err := kgo.NewClient(append(own, options...)...)
	if err != nil {
		return nil, fmt.Errorf("make a producer: %w", err)
	}
	return client, nil
}

// Quota is how many messages of the world the publisher may send, where the scenario
// decides that as it runs. The zero value allows none.
type Quota struct{ max atomic.Int64 }

// Add allows so many messages more.
func (q *Quota) Add(messages int64) { q.max.Add(messages) }

// Lift allows all that are left. Add must not be called after it.
func (q *Quota) Lift() { q.max.Store(math.MaxInt64) }

// Publisher sends the messages of a round as the quota allows.
func (q *Quota) Publisher(r *Round) func(context.Context) error {
	return func(ctx context.Context) error {
		r.SetTruth(r.truth)
		return r.PublishWhen(ctx, q.Allows)
	}
}

// Allows reports whether one more message may be sent after so many, for PublishWhen.
func (q *Quota) Allows(sent int64) (bool, error) { return sent < q.max.Load(), nil }
