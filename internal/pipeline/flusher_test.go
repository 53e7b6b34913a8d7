package pipeline

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// TestFlusher_GivenUp has a generation end during an insert that never succeeds,
// while the lane has gathered more. Committing what comes after a range that is
// in no table would lose that range, so nothing may be flushed any more; and the
// group has waited for one grace already.
func TestFlusher_GivenUp(t *testing.T) {
	for _, end := range []string{"the generation is lost", "the drain has taken too long"} {
		t.Run(end, func(t *testing.T) {
			for range 20 { // for each order in which the flusher can receive from its channels
				synctest.Test(t, func(t *testing.T) {
					b := newRig(t, 1)
					ctx, cancel := context.WithCancelCause(t.Context())
					drain := make(chan struct{})
					entered := make(chan struct{}, 10)
					b.sink.flush = func(ctx context.Context, _ *sink.Batch) error {
						entered <- struct{}{}
						if len(entered) > 1 {
							return nil // ClickHouse is back
						}
						<-ctx.Done()
						return ctx.Err()
					}
					result := make(chan error, 1)
					go func() { result <- b.flusher.run(ctx, drain) }()
					b.take(0, "first")
					synctest.Wait()
					<-time.After(b.flow.config.MaxWait)
					synctest.Wait()
					b.take(0, "second")
					cause := errors.New("rebalance")
					if end == "the drain has taken too long" {
						cause = consumer.ErrDrainTimeout
						close(drain)
					}
					cancel(cause)
					began := time.Now()
					if err := <-result; err != nil && !errors.Is(err, errRejoin) {
						t.Fatal(err)
					}
					if len(entered) != 1 || len(b.commits) != 0 {
						t.Fatalf("%d flushes, commits %v: want one flush, given up, and no commit", len(entered), b.commits)
					}
					want := b.flow.config.InsertGrace
					if errors.Is(cause, consumer.ErrDrainTimeout) {
						want = 0 // shutdown.timeout was its bound
					}
					if took := time.Since(began); took != want {
						t.Errorf("the flusher ran for %v after the end, want %v", took, want)
					}
				})
			}
		})
	}
}

// rig is a flusher over lanes that a test fills by hand.
type rig struct {
	t          *testing.T
	flow       *Flow
	flusher    *flusher
	lanes      []*lane
	workers    []*transform.Worker
	heartbeats []*heartbeat
	next       []int64
	sink       *fakeSink

	mu      sync.Mutex
	refuse  error // what the next commits fail with
	commits [][]consumer.Position
}

func newRig(t *testing.T, lanes int) *rig {
	t.Helper()
	b := &rig{t: t, sink: &fakeSink{}}
	config := Defaults()
	rules, err := transform.New(transform.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	b.flow = New(config, Deps{Sink: b.sink, Rules: rules, Metrics: NewMetrics(prometheus.NewRegistry(), time.Now),
		Watchdog: NewWatchdog(time.Hour, time.Now), Now: time.Now, Log: zap.NewNop()})
	b.generation(lanes, make([]int64, lanes))
	return b
}

// generation starts a new generation at these offsets.
func (b *rig) generation(lanes int, start []int64) {
	b.lanes, b.workers, b.heartbeats, b.next = nil, nil, nil, slices.Clone(start)
	for p := range lanes {
		b.lanes = append(b.lanes, newLane(consumer.Assignment{Topic: "t", Partition: int32(p)}, startPosition{offset: start[p]}))
		b.workers = append(b.workers, b.flow.rules.NewWorker())
		b.heartbeats = append(b.heartbeats, b.flow.watchdog.watch("lane"))
	}
	b.flusher = &flusher{flow: b.flow, generation: b, lanes: b.lanes, limiter: newLimiter(b.flow.config.MaxRows, b.flow.config.MaxBytes)}
}

// take is a lane's fetch of one record set.
func (b *rig) take(lane int, values ...string) {
	b.t.Helper()
	if err := b.takeIn(b.t.Context(), lane, values...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *rig) takeIn(ctx context.Context, lane int, values ...string) error {
	set := &consumer.RecordSet{Topic: "t", Partition: int32(lane), StartOffset: b.next[lane]}
	for i, v := range values {
		set.Records = append(set.Records, consumer.Record{Offset: b.next[lane] + int64(i), Timestamp: 1, Value: []byte(v)})
	}
	b.next[lane] += int64(len(values))
	set.NextOffset = b.next[lane]
	return b.lanes[lane].fill(ctx, b.flow, b.flusher.limiter, b.workers[lane], set, b.heartbeats[lane])
}

// Commit is the generation's.
func (b *rig) Commit(_ context.Context, positions []consumer.Position) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		return b.refuse
	}
	b.commits = append(b.commits, positions)
	return nil
}

// fakeSink does what a test says; nil does nothing and succeeds.
type fakeSink struct {
	flush func(context.Context, *sink.Batch) error
}

func (s *fakeSink) Flush(ctx context.Context, b *sink.Batch) (sink.FlushStats, error) {
	if s.flush == nil {
		return sink.FlushStats{}, nil
	}
	return sink.FlushStats{}, s.flush(ctx, b)
}

func (s *fakeSink) WriteLedger(context.Context, []schemas.LedgerRow) error { return nil }

func (s *fakeSink) Positions(context.Context, string, []int32) (map[int32]sink.Position, error) {
	return nil, nil
}

func (s *fakeSink) LedgerGaps(context.Context, string, int32, uint32, sink.Range) ([]sink.Range, error) {
	return nil, nil
}
