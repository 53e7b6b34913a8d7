package kafkaerrors

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/trial/harness"
)

// Trial has the brokers answer every error that Kafka's protocol has, and more.
func Trial() harness.Trial {
	brokers := &threeBrokers{}
	return harness.Trial{
		Name: "kafka-errors", Fault: "error or damaged answer of Kafka", Times: len(allFaults()), Kafka: harness.Embedded,
		Servers: brokers.start, Settings: map[string]string{"batch.max_rows": "40"},
		New: func(r *harness.Round) harness.Scenario {
			s := &scenario{Round: r, brokers: brokers}
			return harness.Scenario{Run: s.run, Publish: s.quota.Publisher(r)}
		},
	}
}

type scenario struct {
	*harness.Round
	brokers *threeBrokers
	quota   harness.Quota
	share   int64 // of the quota, for each fault
}

// minShare makes it likely that every partition gets some messages.
const minShare = 60

// run causes one fault after the other in random order. What may pass has to be survived.
// What may not has to end the process, with an error that says where and what to do; then
// it is corrected and another process continues. A fault counts only when a request has
// met it.
//
// The quota makes the world last as long as there are faults: some messages for a request
// to meet each fault, and some to show that it is over.
func (s *scenario) run(ctx context.Context, b harness.Bounds) (int, error) {
	all := allFaults()
	s.share = max(int64(s.World.Total()/(3*len(all))), minShare)
	s.quota.Add(2 * s.share)
	defer s.quota.Lift()
	deck := harness.Shuffled(s.Dice, all...)
	faults, err := s.CauseFaults(harness.FaultLoop{Strike: func(ctx context.Context) (int, error) {
		f := deck.Draw()
		if err := f.strike(ctx, s); err != nil {
			return 0, fmt.Errorf("%s %s: %w", f.kind, f.what, err)
		}
		s.quota.Add(s.share)
		s.Count(f.kind, 1)
		return 1, nil
	}})(ctx, b)
	if err == nil && b.Faults >= len(all) && faults < len(all) {
		err = fmt.Errorf("the world was over after %d of %d faults; give it more subscribers", faults, len(all))
	}
	return faults, err
}

// fault is one thing that brokers do.
type fault struct {
	kind string // for the count: the request that meets it
	what string
	// put causes it. It returns how often requests have met it so far, and what removes it.
	put func(context.Context, *scenario) (met func() int, undo func(), err error)
	// times is how often it must be met.
	times int
	// fatal is what the process has to say as it ends. TOPIC is replaced by the round's
	// topic, and … is any text. Empty: the process has to survive.
	fatal string
}

// strike causes the fault and removes it once it has been met. It returns harness.ErrOver
// where nothing was left to be read.
func (f fault) strike(ctx context.Context, s *scenario) error {
	count, undo, err := f.put(ctx, s)
	if err != nil {
		return err
	}
	defer undo()
	if f.fatal != "" {
		return f.end(ctx, s)
	}
	met := false
	err = s.Until(ctx, "a request that meets it", []*harness.Process{s.Consumer}, s.orOver(func() bool { met = count() >= f.times; return met }))
	if err == nil && !met {
		err = harness.ErrOver
	}
	return err
}

// orOver waits for something, or for the end of the world. Whenever that takes long it
// adds to the quota: the fault may be for a partition that has got no message.
func (s *scenario) orOver(holds func() bool) func(context.Context) (bool, error) {
	const long = time.Second
	s.quota.Add(s.share)
	added := time.Now()
	return func(ctx context.Context) (bool, error) {
		if holds() {
			return true, nil
		}
		if time.Since(added) > long {
			s.quota.Add(s.share)
			added = time.Now()
		}
		return s.AllCovered(ctx)
	}
}

// end waits for a process that has to end by itself.
func (f fault) end(ctx context.Context, s *scenario) error {
	ended, err := s.UntilEnded(ctx, s.Consumer, s.orOver(func() bool { return false }))
	if err != nil {
		return err
	}
	if !ended {
		return harness.ErrOver
	}
	p := s.Consumer
	s.Consumer = nil
	return p.FailedSaying(strings.Split(strings.ReplaceAll(f.fatal, "TOPIC", s.Topic), "…")...)
}
