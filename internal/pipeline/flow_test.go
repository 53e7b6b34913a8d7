package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/sink"
)

func TestFlow_EqualsTheTruth(t *testing.T) {
	for seed, protocol := range map[uint64]string{1: "native", 2: "http"} {
		t.Run(protocol, func(t *testing.T) {
			s := newFixture(t, protocol, seed, 200)
			s.Publish()
			i := s.start(nil)
			s.AwaitIngested(i.Run)
			i.Drain()
			s.WantTruth()
		})
	}
}

// TestFlow_Drain stops an instance in the middle: what it has absorbed is flushed
// and committed, and the next instance continues exactly there.
func TestFlow_Drain(t *testing.T) {
	tier.Full(t, "ends a flow at many moments")
	s := newFixture(t, "native", 3, 300)
	s.Settings.Batch.MaxRows = 500
	s.Publish()
	flushed := make(chan struct{}, 1000)
	i := s.start(func(next pipeline.Sink) pipeline.Sink {
		return observed{next, func(*sink.Batch) { flushed <- struct{}{} }}
	})
	<-flushed
	<-flushed
	i.Drain()
	for partition, offset := range s.Committed() {
		var next int64
		s.One(fmt.Sprintf("SELECT max(next_offset) FROM ingest_ledger WHERE source_partition = %d", partition), &next)
		if next != offset {
			t.Errorf("partition %d: committed %d, the ledger ends at %d", partition, offset, next)
		}
	}
	i = s.start(nil)
	s.AwaitIngested(i.Run)
	i.Drain()
	s.WantTruth()
	var again uint64
	s.One("SELECT count() FROM ingest_ledger AS a, ingest_ledger AS b WHERE a.source_partition = b.source_partition "+
		"AND a.start_offset < b.start_offset AND a.next_offset > b.start_offset", &again)
	if again != 0 {
		t.Errorf("%d ranges were read twice although the drain was clean", again)
	}
}

// TestFlow_FatalError stops without committing anything of the batch.
func TestFlow_FatalError(t *testing.T) {
	s := newFixture(t, "native", 4, 50)
	s.Publish()
	refusal := errors.New("the table is gone")
	i := s.start(func(next pipeline.Sink) pipeline.Sink { return failing{next, refusal} })
	err := i.Wait()
	if !errors.Is(err, refusal) {
		t.Fatalf("Run returned %v, want the refusal", err)
	}
	if at := s.Committed(); len(at) != 0 {
		t.Fatalf("offsets were committed: %v", at)
	}
}

// TestFlow_BackPressure blocks the sink: the flow absorbs at most one batch beside
// the one in flight, and continues by itself.
func TestFlow_BackPressure(t *testing.T) {
	tier.Full(t, "waits for a full memory")
	s := newFixture(t, "native", 5, 300)
	s.Settings.Batch.MaxRows = 400
	s.Publish()
	release := make(chan struct{})
	entered := make(chan struct{}, 1000)
	var largest atomic.Int64
	i := s.start(func(next pipeline.Sink) pipeline.Sink {
		return observed{next, func(b *sink.Batch) {
			var messages int64
			for _, p := range b.Parts {
				messages += int64(p.Ledger.Messages)
			}
			largest.Store(max(largest.Load(), messages))
			entered <- struct{}{}
			<-release
		}}
	})
	<-entered
	close(release)
	s.AwaitIngested(i.Run)
	i.Drain()
	if largest.Load() > 400 {
		t.Errorf("a batch held %d messages, batch.max_rows is 400", largest.Load())
	}
	s.WantTruth()
}

// TestFlow_Rebalance lets instances join and leave one group while it ingests.
func TestFlow_Rebalance(t *testing.T) {
	tier.Full(t, "rebalances a group many times")
	s := newFixture(t, "native", 6, 400)
	s.Settings.Batch.MaxRows = 100
	s.Publish()
	stay := s.start(nil)
	for range 4 {
		guest := s.start(nil)
		s.awaitAssigned(guest)
		guest.Drain()
	}
	s.AwaitIngested(stay.Run)
	stay.Drain()
	s.WantTruth()
}

// TestFlow_DeadLetterResolved reads a topic again under rules that now let a
// refused message pass: its dead letter is resolved, those that fail again stay.
func TestFlow_DeadLetterResolved(t *testing.T) {
	tier.Full(t, "reads a topic several times")
	s := newFixture(t, "native", 7, 200)
	s.Settings.Transform.UnknownAction = "dead_letter"
	s.Publish()
	i := s.start(nil)
	s.AwaitIngested(i.Run)
	i.Drain()
	var unknown, others uint64
	const open = " AND resolved_at IS NULL"
	s.One("SELECT countIf(reason = 'unknown_action'), countIf(reason != 'unknown_action') FROM dead_letters FINAL WHERE true"+open, &unknown, &others)
	if unknown == 0 || others == 0 {
		t.Fatalf("%d unknown actions and %d other dead letters; the test needs both", unknown, others)
	}

	s.Settings.Kafka.Group += "_again"
	s.Settings.Transform.UnknownAction = "keep"
	i = s.start(nil)
	s.AwaitCommitted(i.Run)
	i.Drain()
	s.wantTruthExceptResolved(unknown)
	var stillOpen uint64
	s.One("SELECT count() FROM dead_letters FINAL WHERE true"+open, &stillOpen)
	if stillOpen != others {
		t.Errorf("%d dead letters are open, want the %d that still fail", stillOpen, others)
	}
}

func (s *fixture) wantTruthExceptResolved(want uint64) {
	s.Helper()
	var resolved uint64
	s.One("SELECT count() FROM dead_letters FINAL WHERE resolved_at IS NOT NULL", &resolved)
	if resolved != want {
		s.Errorf("%d dead letters are resolved, want %d", resolved, want)
	}
}

// observed calls see before each flush.
type observed struct {
	pipeline.Sink
	see func(*sink.Batch)
}

func (o observed) Flush(ctx context.Context, b *sink.Batch) (sink.FlushStats, error) {
	o.see(b)
	return o.Sink.Flush(ctx, b)
}

// failing refuses every flush.
type failing struct {
	pipeline.Sink
	err error
}

func (f failing) Flush(context.Context, *sink.Batch) (sink.FlushStats, error) {
	return sink.FlushStats{}, f.err
}

// produce sends n good messages, spread evenly over the partitions.
func (s *fixture) produce(n int) {
	s.Helper()
	records := make([]kafka.Record, n)
	for i := range records {
		records[i] = kafka.Record{Partition: int32(i % testbed.Partitions), Time: time.Now(),
			Value: fmt.Appendf(nil, `{"subscription_id":"LATER%d","event_timestamp":%d,"subscription_action":"Renewed"}`, i, 1_750_000_000+i)}
	}
	s.Produce(records...)
}
