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

// API is what a run needs of Piano: *piano.Client, whose comments say what it retries.
// Get's error wraps piano.ErrNotFound where the subscription does not exist.
type API interface {
	Sweep(ctx context.Context, page func([]piano.Subscription) error) (piano.SweepReport, error)
	Get(ctx context.Context, id string) (piano.Subscription, error)
}

// Stream reports how far the event stream is ingested.
type Stream interface {
	// Positions returns every partition of the topics. It retries transient errors; an
	// error that it returns ends the run.
	Positions(ctx context.Context) ([]Position, error)
}

// Position is the state of one partition.
type Position struct {
	Topic      string
	Partition  int32
	Committed  int64 // the next offset to read; -1 where nothing was committed yet
	LogStart   int64
	LastStable int64 // the end of what readers may see now
	LogEnd     int64 // the end with what waits for an open transaction
}

// Hooks inform an observer, such as a metrics registry. Each may be nil. The goroutine
// of the run calls them, and they must not block.
type Hooks struct {
	// OnPage is called for every page of the API, with its number of rows.
	OnPage func(rows int)
	// OnPhase is called after every phase that succeeded.
	OnPhase func(phase Phase, took time.Duration)
	// OnComplete is called after every run that succeeded, also a superseded one.
	OnComplete func(*Report)
	// OnFailed is called after every other run.
	OnFailed func(error)
	// OnProgress receives each step of a run, and how far it is.
	OnProgress progress.Func
}

// Deps are the dependencies of a Reconciler. The caller closes them.
type Deps struct {
	Conn   driver.Conn
	Tables schemas.Options
	API    API    // nil where only files are compared
	Stream Stream // nil where no stream is running, so there is nothing to wait for
	// Instance names this process in the tables.
	Instance string
	Now      func() time.Time
	Log      *zap.Logger
	Hooks    Hooks
}

// Reconciler compares Piano's subscriptions with the event stream. Its methods are safe
// for concurrent use, also in several processes: each run writes under its own id, and
// only the run of the latest snapshot changes drift.
type Reconciler struct {
	cfg          Config
	rowsPerRange uint64
	Deps
}

// New checks the configuration. It does no I/O.
func New(cfg Config, p Deps) (*Reconciler, error) {
	if err := errors.Join(cfg.Validate(), p.Tables.Validate()); err != nil {
		return nil, fmt.Errorf("reconcile: %w", err)
	}
	p.Log = p.Log.Named("reconcile")
	return &Reconciler{cfg: cfg, rowsPerRange: rowsPerRange, Deps: p}, nil
}

// Run reads a snapshot from the API and does the five phases of the package comment.
// When ctx ends it stops, and nothing of the run is visible, except where drift is
// already being written: that continues to the end.
func (r *Reconciler) Run(ctx context.Context) (*Report, error) {
	if r.API == nil {
		return nil, errNoAPI
	}
	return r.reconcile(ctx, func(ctx context.Context, s *store) (summary, error) {
		read := s.progress.Count("read subscriptions from Piano", "subscriptions", 0)
		of, err := s.fromAPI(ctx, hookedAPI{r.API, func(rows int) {
			read.Add(uint64(rows))
			if r.Hooks.OnPage != nil {
				r.Hooks.OnPage(rows)
			}
		}})
		of.Until = of.CompletedAt // the API was read until then
		return of, err
	})
}

// RunCSV does the same with a subscription-log export in place of the API; differences
// stay unverified. The caller has opened the file, and RunCSV reads all of it. asOf
// is the moment that the file describes, and until the latest moment that it may
// describe: the same, or later where Piano took time to make it. Settling starts there.
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

// hookedAPI calls a hook for each page.
type hookedAPI struct {
	API
	onPage func(rows int)
}

// Sweep implements API.
func (a hookedAPI) Sweep(ctx context.Context, page func([]piano.Subscription) error) (piano.SweepReport, error) {
	return a.API.Sweep(ctx, func(rows []piano.Subscription) error {
		a.onPage(len(rows))
		return page(rows)
	})
}
