package kafkaerrors

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/trial/harness"
)

// Trial has the brokers answer every error that Kafka's protocol has, and more.
func Trial() harness.Trial {
	brokers := &threeBrokers{}
	return harness.Trial{
		Name: "kafka-errors", Fault: "error or spoilt answer of Kafka", Times: len(allFaults()), Kafka: harness.Embedded,
		Servers: brokers.start, Settings: map[string]string{"batch.max_rows": "40"},
		New: func(r *harness.Round) harness.Scenario {
			s := &scenario{Round: r, brokers: brokers}
			return harness.Scenario{Run: s.run, Publish: s.quota.Publisher(r)}
		},
	}
}

type scenario struct {
	*harness.Round
	brokers  *threeBrokers
	quota    harness.Quota
	share    int64 // of the quota, for each fault
	consumer *harness.Process
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
	s.quota.Add(s.share)
	defer s.quota.Lift()
	deck := harness.Shuffled(s.Dice, all...)
	var err error
	if s.consumer, err = s.Start("consumer"); err != nil {
		return 0, err
	}
	faults := 0
	tried := map[string]bool{}
	for !b.Reached(faults) {
		before, err := s.Covered(ctx)
		if err != nil {
			return faults, err
		}
		s.quota.Add(s.share)
		done, err := s.Advance(ctx, before, s.consumer)
		if err != nil || done {
			return faults, errors.Join(err, untried(b, all, tried))
		}
		f := deck.Top()
		met, err := f.strike(ctx, s)
		if err != nil {
			return faults, fmt.Errorf("%s: %w", f.name(), err)
		}
		if !met {
			continue // the world was over before
		}
		if f.fatal != "" {
			if s.consumer, err = s.Start("consumer"); err != nil {
				return faults, err
			}
		}
		deck.Drop()
		faults++
		tried[f.name()] = true
		s.Count(f.kind, 1)
	}
	if err := s.consumer.Drain(ctx); err != nil {
		return faults, err
	}
	return faults, untried(b, all, tried)
}

// untried is an error where a round was to cause every fault and did not.
func untried(b harness.Bounds, all []fault, tried map[string]bool) error {
	if b.Faults < len(all) {
		return nil
	}
	var missing []string
	for _, f := range all {
		if !tried[f.name()] {
			missing = append(missing, f.name())
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("the world was over before these were tried: %s; give it more subscribers", strings.Join(missing, ", "))
	}
	return nil
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

func (f fault) name() string { return f.kind + " " + f.what }

// strike causes the fault and removes it once it has been met. met is false where nothing
// was left to be read.
func (f fault) strike(ctx context.Context, s *scenario) (met bool, err error) {
	count, undo, err := f.put(ctx, s)
	if err != nil {
		return false, err
	}
	defer undo()
	if f.fatal != "" {
		return f.end(ctx, s)
	}
	met = false
	err = s.Until(ctx, "a request that meets it", []*harness.Process{s.consumer}, s.orOver(func() bool { met = count() >= f.times; return met }))
	return met, err
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
func (f fault) end(ctx context.Context, s *scenario) (bool, error) {
	ended, err := s.UntilEnded(ctx, s.consumer, s.orOver(func() bool { return false }))
	if err != nil || !ended {
		return false, err
	}
	want := strings.ReplaceAll(f.fatal, "TOPIC", s.Topic)
	last := s.consumer.Tail()
	for _, part := range strings.Split(want, "…") {
		if !strings.Contains(last, part) {
			return false, fmt.Errorf("the process ended and did not say %q: its last lines:\n%s", part, last)
		}
	}
	if code := s.consumer.Status(); code != harness.StatusFailed {
		return false, fmt.Errorf("the process ended with %d, want %d", code, harness.StatusFailed)
	}
	return true, nil
}
