package loss

import (
	"context"
	"iter"

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
	sent          int                // messages of the world
	lengths       []int64            // ends of the partitions of the present topic
	starts        []int64            // their first offsets
	former        []int64            // lengths of the topic before it was recreated
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

// publishSlice sends the next slice.
func (s *scenario) publishSlice(ctx context.Context) error { return s.publishNext(ctx, slice) }

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
			return err
		}
		s.sent++
		s.lengths[m.Partition]++
	}
	return s.producer.Flush(ctx)
}

// newProducer replaces the producer: a producer writes to the topic that it has begun with.
func (s *scenario) newProducer() (err error) {
	if s.producer != nil {
		s.producer.Close()
	}
	s.producer, err = kafka.NewProducer(s.Env.Broker.Addr)
	return err
}

// startWith starts the consumer with a value of consumer.on_data_loss.
func (s *scenario) startWith(ctx context.Context, mode string) error {
	s.Settings[onDataLoss] = mode
	s.metricsBefore = nil
	return s.StartConsumer(ctx)
}

// startFailing starts one that accepts no loss.
func (s *scenario) startFailing(ctx context.Context) error { return s.startWith(ctx, failing) }

// stop drains the consumer.
func (s *scenario) stop(ctx context.Context) error {
	if s.Consumer == nil {
		return nil
	}
	p := s.Consumer
	s.Consumer = nil
	return p.Drain(ctx)
}

// work makes a consumer with either value work.
func (s *scenario) work(ctx context.Context) (err error) {
	mode := []string{failing, continuing}[s.Dice.IntN(2)]
	if s.Settings[onDataLoss] != mode {
		err = s.stop(ctx)
	}
	if err == nil && s.Consumer == nil {
		err = harness.InOrder(ctx, func(ctx context.Context) error { return s.startWith(ctx, mode) }, s.publishSlice, s.await)
	}
	if err == nil {
		s.metricsBefore, err = s.lossMetrics(ctx)
	}
	return err
}

// await waits until the consumer has read to the end of the topic.
func (s *scenario) await(ctx context.Context) error {
	return s.Until(ctx, "the consumer at the end of the topic", []*harness.Process{s.Consumer}, s.caughtUp)
}

// caughtUp says whether ledger and group have reached the end of every partition of the
// present topic. A commit alone is not enough: it may be a late one for the earlier topic.
func (s *scenario) caughtUp(ctx context.Context) (bool, error) {
	reached, err := s.Reached(ctx, "source_epoch = $2", s.epoch)
	if err != nil {
		return false, err
	}
	at, err := s.Offsets(ctx)
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
