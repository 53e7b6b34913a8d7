package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/subscriptionlog"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/schemas"
)

// API is what a run asks of Piano: *piano.Client, whose comments say what it
// retries. Get's error wraps piano.ErrNotFound where there is no such subscription.
type API interface {
	Sweep(ctx context.Context, page func([]piano.Subscription) error) (piano.SweepReport, error)
	Get(ctx context.Context, id string) (piano.Subscription, error)
}

// Stream says how far the event stream has been ingested.
type Stream interface {
	// Positions gives every partition of the topics. It retries what time can
	// mend; what it returns as an error ends the run.
	Positions(ctx context.Context) ([]Position, error)
}

// Position is one partition at a moment.
type Position struct {
	Topic      string
	Partition  int32
	Committed  int64 // the next offset to be read; -1 where nothing was committed yet
	LogStart   int64
	LastStable int64 // where the part of the log ends that readers may see
}

// Hooks tell an observer, such as a metrics registry, what happens. Each may be
// nil. They are called from the goroutine of the run and must not block.
type Hooks struct {
	// OnPage is told of every page of the API that was read, and its rows.
	OnPage func(rows int)
	// OnPhase is told of every phase that has ended well.
	OnPhase func(phase Phase, took time.Duration)
	// OnComplete is told of every run that has ended well, superseded ones too:
	// drift by kind and the time of the last success come from here.
	OnComplete func(*Report)
	// OnFailed is told of every run that has not.
	OnFailed func(error)
	// OnProgress receives each step of a run, and how far it is.
	OnProgress progress.Func
}

// Parts are what a Reconciler is made of. The caller closes what he has opened.
type Parts struct {
	Conn   driver.Conn
	Tables schemas.Options
	API    API    // nil where only files are compared
	Stream Stream // nil where nothing is to be waited for: a stream that is not running
	// Instance names this process in the tables.
	Instance string
	Now      func() time.Time
	Log      *zap.Logger
	Hooks    Hooks
}

// Reconciler compares the API's subscriptions with what the events amount to. Its
// methods may be called at once, in several processes too: each run writes under
// its own id, and only the one of the latest snapshot has a say.
type Reconciler struct {
	cfg        Config
	rowsAtOnce uint64 // see rowsOfComparison
	Parts
}

// New checks the configuration. It does no I/O.
func New(cfg Config, p Parts) (*Reconciler, error) {
	if err := errors.Join(cfg.Validate(), p.Tables.Validate()); err != nil {
		return nil, fmt.Errorf("reconcile: %w", err)
	}
	p.Log = p.Log.Named("reconcile")
	return &Reconciler{cfg: cfg, rowsAtOnce: rowsOfComparison, Parts: p}, nil
}

// Run takes a snapshot of the API, waits for the stream, compares, asks again about
// what differs, and writes the result down. It ends early when ctx does: then
// nothing of it counts.
func (r *Reconciler) Run(ctx context.Context) (*Report, error) {
	if r.API == nil {
		return nil, errNoAPI
	}
	return r.reconcile(ctx, func(ctx context.Context, s *store) (summary, error) {
		read := s.progress.Count("read subscriptions from Piano", "subscriptions", 0)
		of, err := s.fromAPI(ctx, telling{r.API, func(rows int) {
			read.Add(uint64(rows))
			if r.Hooks.OnPage != nil {
				r.Hooks.OnPage(rows)
			}
		}})
		of.Until = of.CompletedAt // it has been read until then
		return of, err
	})
}

// RunCSV does the same with a subscription-log export in place of the API; what
// differs stays unverified. The file has been opened and is read to its end; asOf is
// the moment that it speaks of, and until the latest that it may tell of: the same
// where it was made at that moment, later where it took its time. Settling counts from
// there.
func (r *Reconciler) RunCSV(ctx context.Context, log *subscriptionlog.Reader, asOf, until time.Time) (*Report, error) {
	switch {
	case asOf.After(r.Now()):
		return nil, fmt.Errorf("as of %s: lies in the future", asOf.UTC().Format(time.RFC3339))
	case until.Before(asOf):
		return nil, fmt.Errorf("until %s: lies before as of %s", until.UTC().Format(time.RFC3339), asOf.UTC().Format(time.RFC3339))
	}
	return r.reconcile(ctx, func(ctx context.Context, s *store) (summary, error) {
		of, err := s.fromCSV(ctx, log, asOf)
		of.Until = until
		return of, err
	})
}

// telling is the API, whose pages a hook is told of.
type telling struct {
	API
	onPage func(rows int)
}

// Sweep implements API.
func (t telling) Sweep(ctx context.Context, page func([]piano.Subscription) error) (piano.SweepReport, error) {
	return t.API.Sweep(ctx, func(rows []piano.Subscription) error {
		t.onPage(len(rows))
		return page(rows)
	})
}
