package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
)

var errNoAPI = errors.New("no API to read a snapshot from: set piano.aid and piano.api_token")

// source stores a snapshot.
type source func(ctx context.Context, s *store) (summary, error)

// run is one run of a Reconciler.
type run struct {
	*Reconciler
	store      *store
	statements *statements
	record     runRecord
	report     *Report

	snapshot    summary
	streamStart int64    // in milliseconds since 1970; 0 without events
	ranges      []string // see cut
}

// reconcile runs once over the snapshot that source stores.
func (r *Reconciler) reconcile(ctx context.Context, from source) (*Report, error) {
	one, err := r.newRun()
	if err != nil {
		return nil, err
	}
	if r.Suppression != nil {
		if ctx, err = r.Suppression.Bind(ctx, ctx); err != nil {
			return nil, err
		}
	}
	if err = one.store.recordRun(ctx, one.record); err == nil {
		err = one.phases(ctx, from)
	}
	one.dropComparisons(ctx)
	if err != nil {
		one.failed(ctx, err)
		return nil, err
	}
	if r.Hooks.OnComplete != nil {
		r.Hooks.OnComplete(one.report)
	}
	return one.report, nil
}

func (r *Reconciler) newRun() (*run, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("create a run id: %w", err)
	}
	s, err := newStatements(r.Tables)
	if err != nil {
		return nil, err
	}
	report := &Report{RunID: id}
	return &run{
		Reconciler: r, store: newStore(r.cfg.Keep, r.Deps), statements: s, report: report,
		record: runRecord{id: id, state: stateBegun, startedAt: r.Now().UTC(), report: report},
	}, nil
}

// phases does the work in the order of the package comment.
func (r *run) phases(ctx context.Context, from source) error {
	if err := r.checkClock(ctx); err != nil {
		return err
	}
	r.cleanup(ctx)
	for _, phase := range []struct {
		name Phase
		do   func(context.Context) error
	}{
		{PhaseSnapshot, func(ctx context.Context) error { return r.takeSnapshot(ctx, from) }},
		{PhaseSettle, func(ctx context.Context) error { return r.settle(ctx, r.snapshot) }},
		{PhaseCompare, r.compare},
		{PhaseVerify, r.verify},
		{PhaseDrift, func(ctx context.Context) error {
			if err := r.countResults(ctx); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return r.writeDrift(ctx)
		}},
	} {
		if err := r.phase(ctx, phase.name, phase.do); err != nil {
			return err
		}
	}
	return r.complete(ctx)
}

// maxClockAhead is how far the clock of this process may be ahead of ClickHouse's.
const maxClockAhead = time.Minute

// checkClock fails where the clock of this process is ahead. The snapshot's moment would
// lie in the future: until then it would hide later snapshots, and later runs could not
// change drift. A clock that is behind does no harm: subscriptions with events since then
// are not compared.
func (r *run) checkClock(ctx context.Context) error {
	var server int64
	before := r.Now()
	if err := r.store.readOne(ctx, "read the time", "SELECT toUnixTimestamp64Milli(now64(3))", nil, &server); err != nil {
		return err
	}
	if ahead := before.Sub(time.UnixMilli(server)); ahead > maxClockAhead {
		return fmt.Errorf("the clock of this machine is %v ahead of ClickHouse's: a snapshot from the future would hide later ones; set the clocks (NTP)", ahead.Round(time.Second))
	}
	return nil
}

func (r *run) takeSnapshot(ctx context.Context, from source) (err error) {
	if r.snapshot, err = from(ctx, r.store); err != nil {
		return err
	}
	r.record.snapshot, r.report.AsOf, r.report.Snapshot = &r.snapshot, r.snapshot.AsOf, r.snapshot.report()
	return nil
}

// phase runs and times one phase.
func (r *run) phase(ctx context.Context, name Phase, do func(context.Context) error) error {
	started := r.Now()
	if err := do(ctx); err != nil {
		return err
	}
	took := r.Now().Sub(started)
	r.report.Took = append(r.report.Took, PhaseTook{Phase: name, Seconds: took.Seconds()})
	r.Log.Info("reconciliation phase completed", zap.String("phase", string(name)), zap.Duration("elapsed", took))
	if r.Hooks.OnPhase != nil {
		r.Hooks.OnPhase(name, took)
	}
	return nil
}

// complete records the run as complete (I5), also after ctx has ended: drift that is
// written counts.
func (r *run) complete(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), retryLimit)
	defer cancel()
	now := r.Now().UTC()
	r.record.state, r.record.completedAt = stateComplete, &now
	if r.report.Superseded {
		r.record.state = stateSuperseded
	}
	if err := r.store.recordRun(ctx, r.record); err != nil {
		return err
	}
	r.cleanup(ctx)
	return nil
}

// failed records the error where ClickHouse still answers.
func (r *run) failed(ctx context.Context, err error) {
	final, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalWriteTimeout)
	defer cancel()
	r.record.state, r.record.problem, r.record.completedAt = stateFailed, err.Error(), nil
	if lost := r.store.recordRun(final, r.record); lost != nil {
		r.Log.Warn("state of failed reconciliation not recorded", zap.Stringer("run_id", r.record.id), zap.Error(lost))
	}
	if r.Hooks.OnFailed != nil {
		r.Hooks.OnFailed(err)
	}
}
