package loss

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/harness"
)

// onDataLoss is the setting that is tried, with both its values.
const (
	onDataLoss = "consumer.on_data_loss"
	failing    = "fail"
	continuing = "continue"
)

// scenario is a round whose topic has a history of its own.
type scenario struct {
	*harness.Round
	history world.TopicHistory
	epoch   uint32

	messages      func() (world.Message, bool)
	stopPull      func()
	producer      *kafka.Producer
	sent          int     // messages of the world
	lengths       []int64 // ends of the partitions of the present topic
	starts        []int64 // their first offsets
	former        []int64 // lengths of the topic before it was recreated
	consumer      *harness.Process
	late          bool               // an insert may still run that its client has abandoned
	metricsBefore map[string]float64 // the consumer's metrics before the next loss
}

func newScenario(r *harness.Round) *scenario {
	s := &scenario{Round: r, lengths: make([]int64, harness.Partitions), starts: make([]int64, harness.Partitions)}
	s.messages, s.stopPull = iter.Pull(r.World.Messages())
	return s
}

func (s *scenario) close() {
	s.stopPull()
	if s.producer != nil {
		s.producer.Close()
	}
}

// publishNext sends the next n messages, or what is left of the world.
func (s *scenario) publishNext(ctx context.Context, n int) error {
	until := s.sent + n
	return s.publishUntil(ctx, func() bool { return s.sent >= until })
}

// publishUntil sends messages until it is enough or the world is over. Record batches have
// few messages, far below what a fetch may return.
func (s *scenario) publishUntil(ctx context.Context, enough func() bool) error {
	const batch = 30
	if s.producer == nil {
		if err := s.newProducer(); err != nil {
			return err
		}
	}
	for n := 1; !enough(); n++ {
		m, ok := s.messages()
		if !ok {
			break
		}
		err := s.producer.Send(ctx, kafka.Record{Topic: s.Topic, Partition: m.Partition, Key: m.Key, Value: m.Value, Time: m.Time})
		if err == nil && n%batch == 0 {
			err = s.producer.Flush(ctx)
		}
		if err != nil {
			return fmt.Errorf("publish the world: %w", err)
		}
		s.sent++
		s.lengths[m.Partition]++
	}
	if err := s.producer.Flush(ctx); err != nil {
		return fmt.Errorf("publish the world: %w", err)
	}
	return nil
}

// newProducer replaces the producer: a producer writes to the topic that it has begun with.
func (s *scenario) newProducer() error {
	if s.producer != nil {
		s.producer.Close()
	}
	var err error
	if s.producer, err = kafka.NewProducer(s.Env.Broker.Addr); err != nil {
		return fmt.Errorf("connect the publisher: %w", err)
	}
	return nil
}

// startWith starts the consumer with a value of consumer.on_data_loss.
func (s *scenario) startWith(mode string) error {
	s.Settings[onDataLoss] = mode
	var err error
	s.consumer, err = s.Start("consumer")
	s.metricsBefore = nil
	return err
}

// stop drains the consumer.
func (s *scenario) stop(ctx context.Context) error {
	if s.consumer == nil {
		return nil
	}
	p := s.consumer
	s.consumer = nil
	return p.Drain(ctx)
}

// work makes a consumer with either value work.
func (s *scenario) work(ctx context.Context) error {
	mode := []string{failing, continuing}[s.Dice.IntN(2)]
	if s.Settings[onDataLoss] != mode {
		if err := s.stop(ctx); err != nil {
			return err
		}
	}
	if s.consumer == nil {
		if err := s.startWith(mode); err != nil {
			return err
		}
		if err := s.publishNext(ctx, slice); err != nil {
			return err
		}
		if err := s.await(ctx); err != nil {
			return err
		}
	}
	var err error
	s.metricsBefore, err = s.lossMetrics(ctx)
	return err
}

// await waits until the consumer has read to the end of the topic.
func (s *scenario) await(ctx context.Context) error {
	return s.Until(ctx, "the consumer at the end of the topic", []*harness.Process{s.consumer}, s.caughtUp)
}

// caughtUp says whether ledger and group have reached the end of every partition of the
// present topic. A commit alone is not enough: it may be a late one for the earlier topic.
func (s *scenario) caughtUp(ctx context.Context) (bool, error) {
	reached, err := s.reached(ctx, s.epoch)
	if err != nil {
		return false, err
	}
	at, err := s.positions(ctx)
	if err != nil {
		return false, nil //nolint:nilerr // the coordinator may be moving: asked again
	}
	for p, length := range s.lengths {
		if length > 0 && (reached[p] != length || at[p] != length) {
			return false, nil
		}
	}
	return true, nil
}

// reached is where the ledger ends in an epoch, by partition.
func (s *scenario) reached(ctx context.Context, epoch uint32) ([]int64, error) {
	return s.ledgerEnds(ctx, "source_epoch = $2", epoch)
}

// ledgerEnds is the highest next offset, by partition, of the ledger's rows that meet a
// condition. $1 is the topic.
func (s *scenario) ledgerEnds(ctx context.Context, condition string, args ...any) ([]int64, error) {
	ends, err := s.MaxByPartition(ctx, `SELECT source_partition, max(next_offset) FROM ingest_ledger
WHERE source_name = $1 AND `+condition+` GROUP BY source_partition`, append([]any{s.Topic}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return ends, nil
}

// positions are the group's offsets; -1: none.
func (s *scenario) positions(ctx context.Context) ([]int64, error) {
	offsets, err := s.Env.Admin.FetchOffsets(ctx, s.Config.Kafka.Group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // no member has ever joined
		return nil, fmt.Errorf("fetch the group's offsets: %w", err)
	}
	at := make([]int64, harness.Partitions)
	for p := range at {
		at[p] = -1
		if o, found := offsets.Lookup(s.Topic, int32(p)); found {
			at[p] = o.At
		}
	}
	return at, nil
}

// move sets the group's offsets, as an operator does, once the group is empty. Offsets
// below 0 stay as they are.
func (s *scenario) move(ctx context.Context, to []int64) error {
	var offsets kadm.Offsets
	for p, at := range to {
		if at >= 0 {
			offsets.Add(kadm.Offset{Topic: s.Topic, Partition: int32(p), At: at, LeaderEpoch: -1})
		}
	}
	return s.insist(ctx, "the group's offsets moved", func() error {
		return s.Env.Admin.CommitAllOffsets(ctx, s.Config.Kafka.Group, offsets)
	})
}

// insist tries until it works: a group may not be empty yet, or a topic not deleted.
func (s *scenario) insist(ctx context.Context, what string, do func() error) error {
	var last error
	err := s.Until(ctx, what, nil, func(context.Context) (bool, error) {
		last = do()
		return last == nil, nil
	})
	if err != nil && last != nil {
		err = fmt.Errorf("%w: %w", err, last)
	}
	return err
}
