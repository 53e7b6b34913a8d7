package window

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/replay/kafkalog"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// Replayer plans and executes replays of windows. One goroutine uses it.
type Replayer struct {
	deps Deps
}

// Deps are the dependencies of a Replayer; all are required except Progress.
type Deps struct {
	// Kafka configures the connection and the group whose offsets the plan shows. Its
	// topics are not used.
	Kafka consumer.Config
	// Timeout is how long a plan waits for Kafka, and Patience how long a job does before
	// it ends with an error.
	Timeout, Patience time.Duration

	Rules    *transform.Rules
	InForce  job.Rules // describes Rules
	Writer   *sink.Writer
	Conn     driver.Conn // to read the ledger
	Database string
	Jobs     *job.Store
	// MaxRows and MaxBytes limit a chunk, of which two are in memory.
	MaxRows, MaxBytes int

	Now      func() time.Time
	Log      *zap.Logger
	Progress progress.Func // may be nil
}

// DefaultPatience is long enough for the restart of a broker.
const DefaultPatience = 5 * time.Minute

// New creates a Replayer. It does no I/O.
func New(deps Deps) *Replayer {
	deps.Log = deps.Log.Named("replay")
	return &Replayer{deps}
}

// Limits are what else an operator may say about a replay.
type Limits struct {
	Filter    job.Filter
	Rate      float64 // messages a second at most; 0 means no limit
	MaxErrors *uint64 // nil means no limit
}

// topics are open topics by name.
type topics map[string]*kafkalog.Topic

// open opens the topics of ranges. The caller closes them, also after an error.
func (r *Replayer) open(ctx context.Context, ranges []job.Range) (topics, error) {
	opened := topics{}
	for _, one := range ranges {
		if opened[one.Name] != nil {
			continue
		}
		topic, err := kafkalog.Open(ctx, r.deps.Kafka, one.Name, r.deps.Patience, r.deps.Log)
		if err != nil {
			return opened, err
		}
		opened[one.Name] = topic
	}
	return opened, nil
}

func (t topics) close() {
	for _, topic := range t {
		topic.Close()
	}
}
