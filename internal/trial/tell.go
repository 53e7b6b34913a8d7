package trial

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/kafka"
)

// backlog is how far the publisher runs ahead of the ledger: enough that a
// process always has batches to fetch, little enough that the stream lasts as
// long as the faults do.
const backlog = 3000

// tellPlainly sends the world's messages, always a backlog ahead, to the last.
func tellPlainly(ctx context.Context, r *round) error {
	allowed := int64(backlog)
	return r.tellWhen(ctx, func(sent int64) (bool, error) {
		if sent < allowed {
			return true, nil
		}
		covered, err := r.covered(ctx)
		allowed = covered + backlog
		return sent < allowed, err
	})
}

// tellAtOnce sends them as fast as it goes, and only then says where they end.
func tellAtOnce(ctx context.Context, r *round) error {
	if err := r.tellWhen(ctx, func(int64) (bool, error) { return true, nil }); err != nil {
		return err
	}
	r.ends.Store(&r.truth.Ends)
	return nil
}

// tellSteadily sends so many a second, whoever reads them, until the trial is over.
func tellSteadily(ctx context.Context, r *round) error {
	r.ends.Store(&r.truth.Ends)
	began := time.Now()
	return r.tellWhen(ctx, func(sent int64) (bool, error) {
		return r.hurryUp.Load() || sent < int64(time.Since(began).Seconds()*soakPace), nil
	})
}

// tellWhen sends each message once ready says that it may go, which is asked again
// and again.
func (r *round) tellWhen(ctx context.Context, ready func(sent int64) (bool, error)) error {
	producer, err := kafka.NewProducer(r.stage.broker.addr, append([]kgo.Opt{inOrder}, r.stage.access...)...)
	if err != nil {
		return fmt.Errorf("connect the publisher: %w", err)
	}
	r.publish(producer)
	defer producer.Close()
	defer r.publish(nil)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	sent := int64(0)
	for m := range r.world.Messages() {
		for {
			now, err := ready(sent)
			if err != nil {
				return err
			}
			if now {
				break
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		r.telling.Lock()
		err := producer.Send(ctx, kafka.Record{Topic: r.topic, Partition: m.Partition, Key: m.Key, Value: m.Value, Time: m.Time})
		r.telling.Unlock()
		if err != nil {
			return fmt.Errorf("tell the world: %w", err)
		}
		sent++
	}
	if err := producer.Flush(ctx); err != nil {
		return fmt.Errorf("tell the world: %w", err)
	}
	return nil
}

// inOrder has one request under way at a time. Of a producer that it has forgotten a
// broker takes any batch as the next: the second of two, if the first is refused by
// one that has just started and does not lead yet, and then the first never fits
// again, and is sent under a new epoch together with the second.
var inOrder = kgo.MaxProduceRequestsInflightPerBroker(1)

func (r *round) publish(p *kafka.Producer) {
	r.telling.Lock()
	defer r.telling.Unlock()
	r.publisher = p
}

// quietly does what a publisher's idempotence does not outlive. Everything that has
// been sent is acknowledged before, and nothing is sent until it is done.
//
// A broker tells a batch that is sent again by what it knows of its producer, and
// when it opens its log it forgets the producers whose last record is older than
// producer.id.expiration.ms: a simulated year lies in the past, so all of them. For
// the same reason the publisher's requests go out one by one (inOrder).
func (r *round) quietly(ctx context.Context, do func() error) error {
	r.telling.Lock()
	defer r.telling.Unlock()
	if r.publisher != nil {
		if err := r.publisher.Flush(ctx); err != nil {
			return fmt.Errorf("tell the world: %w", err)
		}
	}
	return do()
}
