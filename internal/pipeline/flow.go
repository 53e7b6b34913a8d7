package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// Sink makes batches durable: *sink.Writer, or a decorator that injects faults.
// Flush is idempotent, retries inside, and returns nil only when everything is
// durable. Implementations are safe for concurrent use.
type Sink interface {
	Flush(ctx context.Context, batch *sink.Batch) (sink.FlushStats, error)
	WriteLedger(ctx context.Context, rows []schemas.LedgerRow) error
	Positions(ctx context.Context, topic string, partitions []int32) (map[int32]sink.Position, error)
	LedgerGaps(ctx context.Context, topic string, partition int32, epoch uint32, within sink.Range) ([]sink.Range, error)
}

// Generation commits offsets. The broker rejects a commit of an older generation.
type Generation interface {
	Commit(ctx context.Context, positions []consumer.Position) error
}

// Flow is the path of one instance from topics to tables. Build it with New, then
// call Run once.
type Flow struct {
	config   Config
	source   *consumer.Consumer
	rules    *transform.Rules
	sink     Sink
	metrics  *Metrics
	watchdog *Watchdog
	now      func() time.Time
	log      *zap.Logger

	suppression Suppression // nil without one

	assigned atomic.Bool
}

// Deps are the dependencies of a Flow. All are required.
type Deps struct {
	Source   *consumer.Consumer
	Rules    *transform.Rules
	Sink     Sink
	Metrics  *Metrics
	Watchdog *Watchdog
	Now      func() time.Time
	Log      *zap.Logger
	// Suppression is the list of erased people. Its Bind is called before each generation
	// reads; the Sink's gate knows the context. It may be nil.
	Suppression Suppression
}

// Suppression ties work to the list of erased people: *suppression.List. Bind reads the
// list, within ctx, and returns work as a context under which the Sink refuses work (sink.ErrOutdated) once
// the list has changed. It is safe for concurrent use.
type Suppression interface {
	Bind(ctx, work context.Context) (context.Context, error)
}

// New builds a flow.
func New(config Config, deps Deps) *Flow {
	return &Flow{config: config, source: deps.Source, rules: deps.Rules, sink: deps.Sink, metrics: deps.Metrics, suppression: deps.Suppression,
		watchdog: deps.Watchdog, now: deps.Now, log: deps.Log.Named("pipeline")}
}

// Run consumes until ctx ends, then drains: it stops fetching, flushes, commits
// and leaves the group within DrainTimeout. It returns nil after a drain.
// Otherwise it returns the error that stopped it: data loss, a ClickHouse error
// that a retry cannot fix, or a missing topic.
func (f *Flow) Run(ctx context.Context) error {
	return f.source.Run(ctx, func(ctx context.Context, g *consumer.Generation) error {
		err := f.runGeneration(ctx, g)
		if errors.Is(err, errRejoin) {
			return nil
		}
		return err
	})
}

// Assigned is a readiness check: nil while this instance has an assignment.
func (f *Flow) Assigned() error {
	if !f.assigned.Load() {
		return fmt.Errorf("no partitions assigned: the group is rebalancing, or Kafka does not answer")
	}
	return nil
}
