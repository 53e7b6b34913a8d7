package recordforms

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pianola/pianola/internal/trial/harness"
)

// settings make fetch responses small, so that they end in every place: behind a marker,
// behind an empty batch, and before a batch that is larger than the limit.
var settings = map[string]string{"kafka.fetch_max_bytes": "64KiB", "kafka.fetch_max_wait": "100ms"}

// Trial kills a consumer while it reads records of every form.
func Trial() harness.Trial {
	return harness.Trial{Name: "forms", Fault: "kill -9 amid records of all forms", Times: 12, Settings: settings, New: newScenario}
}

// Uncommitted is Trial for a consumer that reads what has not been committed. Aborted
// records come to the tables, and nothing else changes.
func Uncommitted() harness.Trial {
	t := Trial()
	t.Name, t.Settings = "uncommitted", maps.Clone(settings)
	t.Settings["kafka.isolation"] = "read_uncommitted"
	return t
}

// Forms are all that a broker allows, by the names that a result counts. kfake keeps the
// producer's timestamps, and drops a batch that it has emptied.
func Forms(kafka harness.Kafka) []string {
	all := []string{"batches of one record", "batches of a thousand and more", "markers",
		"transactions committed", "transactions aborted", "transactions left open for a while", "records aborted",
		"records that compaction took away", "timestamps absurd", "values with Confluent's prefix"}
	for _, c := range codecs {
		all = append(all, "batches "+c.name)
	}
	for _, k := range keyForms {
		all = append(all, "keys "+k.name)
	}
	for _, h := range headerForms {
		all = append(all, "headers "+h.name)
	}
	for _, v := range slices.Concat(invalidValues, largeValues) {
		all = append(all, "values "+v.name)
	}
	if kafka == harness.Apache {
		all = append(all, "timestamps of the broker", "batches that compaction has emptied")
	}
	return all
}

func newScenario(r *harness.Round) harness.Scenario {
	s := &scenario{Round: r, ready: make(chan struct{})}
	return harness.Scenario{Run: s.run, Publish: s.publish}
}

// scenario is what the publisher and the part that kills share.
type scenario struct {
	*harness.Round
	ready chan struct{} // closed by the publisher, which allows no consumer before
	held  atomic.Bool   // the ledger has reached an open transaction
}

// run kills the consumer now and then. The kills are spread over the whole stream, so that
// a process begins in the middle of every form. Some come while the consumer waits for an
// open transaction to end.
func (s *scenario) run(ctx context.Context, b harness.Bounds) (int, error) {
	const (
		maxWork = 150 * time.Millisecond
		more    = 12 // kills to spread over what is left, once the wanted ones are done
	)
	select {
	case <-s.ready:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	faults := 0
	for !b.Reached(faults) {
		before, err := s.Covered(ctx)
		if err == nil {
			err = s.StartConsumer(ctx)
		}
		if err != nil {
			return faults, err
		}
		left := int64(b.Faults - faults)
		if left <= 0 {
			left = more
		}
		// There will be more offsets than messages, so there is room for the last kill too.
		room := max(1, 2*(int64(s.World.Total())-before)/(left+1))
		held, err := s.work(ctx, before+s.Dice.Int64N(room), s.Dice.IntN(2) == 0)
		if err == nil {
			err = s.Pause(ctx, maxWork)
		}
		if err == nil {
			err = s.Consumer.Alive()
		}
		if err != nil {
			return faults, err
		}
		s.Consumer.Kill()
		faults++
		s.Count("killed at work", 1)
		if held {
			s.Count("killed while it waited at an open transaction", 1)
		}
	}
	return faults, nil
}

// work waits until the ledger covers more than mark. With orHeld, it also returns when the
// consumer waits for an open transaction. It returns harness.ErrOver where the ledger covers
// everything; the harness then drains the process.
func (s *scenario) work(ctx context.Context, mark int64, orHeld bool) (held bool, err error) {
	over := false
	err = s.Until(ctx, "the next flushes", []*harness.Process{s.Consumer}, func(ctx context.Context) (bool, error) {
		now, err := s.Covered(ctx)
		held, over = orHeld && s.held.Load(), s.All(now)
		return now > mark || held || over, err
	})
	if err == nil && over {
		err = harness.ErrOver
	}
	return held, err
}
