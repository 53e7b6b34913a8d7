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

	// Suppression is the list of erased people, and Suppressed says who is on it, by
	// subscription or user. Both may be nil.
	Suppression Suppression
	Suppressed  func(subscription, user string) bool
}

// Suppression ties a run to the list of erased people: *suppression.List. Check refuses
// rows that were read before the list changed (sink.ErrOutdated): the run fails, and the
// next one leaves the person out.
type Suppression interface {
	Bind(ctx, work context.Context) (context.Context, error)
	Check(ctx context.Context) error
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
	return r.RunAccepting(ctx, 0)
}

// RunAccepting is Run where an operator accepts that as many subscriptions were deleted in
// Piano: up to this number get a tombstone, even if they are many at once.
func (r *Reconciler) RunAccepting(ctx context.Context, deletions uint64) (*Report, error) {
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
		}}, deletions)
		of.Until = of.CompletedAt // the API was read until then
		return of, err
	})
}

// File is a subscription-log export, and what is known about it.
type File struct {
	Log *subscriptionlog.Reader // opened by the caller; RunCSV reads all of it
	// AsOf is the moment that the file describes, and Until the latest moment that it may
	// describe: the same, or later where Piano took time to make it. Settling starts there.
	AsOf, Until time.Time
	// FirstDay and LastDay are the days of the start dates for which it was exported. Both
	// are zero where that is unknown. Nothing in a file says what it lacks: without them, a
	// subscription that is absent from it is not compared.
	FirstDay, LastDay time.Time
}

// RunCSV does the same with a file in place of the API; differences stay unverified.
func (r *Reconciler) RunCSV(ctx context.Context, f File) (*Report, error) {
	switch {
	case f.AsOf.After(r.Now()):
		return nil, fmt.Errorf("as of %s: lies in the future", f.AsOf.UTC().Format(time.RFC3339))
	case f.Until.Before(f.AsOf):
		return nil, fmt.Errorf("until %s: lies before as of %s", f.Until.UTC().Format(time.RFC3339), f.AsOf.UTC().Format(time.RFC3339))
	case f.FirstDay.IsZero() != f.LastDay.IsZero(), f.LastDay.Before(f.FirstDay):
		return nil, errors.New("the days of a file: want the first and the last, in this order")
	}
	return r.reconcile(ctx, func(ctx context.Context, s *store) (summary, error) {
		of, err := s.fromCSV(ctx, f.Log, f.AsOf)
		of.Until, of.FirstDay, of.LastDay = f.Until, f.FirstDay, f.LastDay
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
