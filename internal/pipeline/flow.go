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

// Sink is where batches become durable: *sink.Writer, and the decorators that
// put faults in front of it. Flush is idempotent, retries inside, and returns
// nil only when everything is durable. Implementations are safe for concurrent
// use.
type Sink interface {
	Flush(ctx context.Context, batch *sink.Batch) (sink.FlushStats, error)
	WriteLedger(ctx context.Context, rows []schemas.LedgerRow) error
	Positions(ctx context.Context, topic string, partitions []int32) (map[int32]sink.Position, error)
	LedgerGaps(ctx context.Context, topic string, partition int32, epoch uint32, within sink.Range) ([]sink.Range, error)
}

// Generation is what the flusher needs of a membership: a commit that the
// broker fences by the generation it belongs to.
type Generation interface {
	Commit(ctx context.Context, positions []consumer.Position) error
}

// Flow is one instance's way from topics to tables. Build it with New, then
// Run it once.
type Flow struct {
	config   Config
	source   *consumer.Consumer
	rules    *transform.Rules
	sink     Sink
	metrics  *Metrics
	watchdog *Watchdog
	now      func() time.Time
	log      *zap.Logger

	assigned atomic.Bool
}

// Deps are what a Flow is made of; all are needed.
type Deps struct {
	Source   *consumer.Consumer
	Rules    *transform.Rules
	Sink     Sink
	Metrics  *Metrics
	Watchdog *Watchdog
	Now      func() time.Time
	Log      *zap.Logger
}

// New puts a flow together.
func New(config Config, deps Deps) *Flow {
	return &Flow{config: config, source: deps.Source, rules: deps.Rules, sink: deps.Sink, metrics: deps.Metrics,
		watchdog: deps.Watchdog, now: deps.Now, log: deps.Log.Named("pipeline")}
}

// Run consumes until the context ends, then drains: it stops fetching, flushes
// what it has, commits and leaves the group, all within DrainTimeout. It
// returns nil after a drain, and otherwise the error that stopped it: data
// loss, a ClickHouse error that retrying cannot mend, a topic that is missing.
func (f *Flow) Run(ctx context.Context) error {
	return f.source.Run(ctx, func(ctx context.Context, g *consumer.Generation) error {
		err := f.runGeneration(ctx, g)
		if errors.Is(err, errRejoin) {
			return nil
		}
		return err
	})
}

// Assigned is a readiness check: nil while this instance holds its partitions.
func (f *Flow) Assigned() error {
	if !f.assigned.Load() {
		return fmt.Errorf("no partitions are assigned: the group is joining, or Kafka does not answer")
	}
	return nil
}
