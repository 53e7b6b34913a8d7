package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
)

// errNoAPI says that there is nothing to take a snapshot of.
var errNoAPI = errors.New("no API to take a snapshot of: set piano.aid and piano.api_token")

// source takes a snapshot.
type source func(ctx context.Context, s *store) (summary, error)

// run is one run under way.
type run struct {
	*Reconciler
	store      *store
	statements *statements
	record     runRecord
	report     *Report
}

// reconcile runs once over the snapshot that source takes.
func (r *Reconciler) reconcile(ctx context.Context, from source) (*Report, error) {
	one, err := r.begin()
	if err != nil {
		return nil, err
	}
	if err = one.store.recordRun(ctx, one.record); err == nil {
		err = one.all(ctx, from)
	}
	one.clean(ctx)
	if err != nil {
		one.failed(ctx, err)
		return nil, err
	}
	if r.Hooks.OnComplete != nil {
		r.Hooks.OnComplete(one.report)
	}
	return one.report, nil
}

func (r *Reconciler) begin() (*run, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make an id for a run: %w", err)
	}
	s, err := newStatements(r.Tables)
	if err != nil {
		return nil, err
	}
	report := &Report{RunID: id}
	keep := newStore(r.Conn, r.Tables, r.Instance, r.cfg.Keep, r.Now, r.Log)
	keep.progress = r.Hooks.OnProgress
	return &run{
		Reconciler: r, store: keep, statements: s, report: report,
		record: runRecord{id: id, state: stateBegun, startedAt: r.Now().UTC(), report: report},
	}, nil
}

// all are the phases in their order. The state of the run is written last: until
// then nobody takes it for the newest one, and what was opened or closed before it
// was killed is what the next one finds too.
func (r *run) all(ctx context.Context, from source) error {
	r.tidy(ctx)
	var snapshot summary
	err := r.phase(PhaseSnapshot, func() (err error) {
		snapshot, err = from(ctx, r.store)
		return err
	})
	if err != nil {
		return err
	}
	r.record.snapshot, r.report.AsOf, r.report.Snapshot = &snapshot, snapshot.AsOf, shown(snapshot)
	c := &comparing{store: r.store, statements: r.statements, cfg: r.cfg, run: r.record.id, snapshot: snapshot, rowsAtOnce: r.rowsAtOnce}
	for _, phase := range []struct {
		name Phase
		do   func() error
	}{
		{PhaseSettle, func() error { return r.settle(ctx, snapshot) }},
		{PhaseCompare, func() error {
			if err := r.store.recordRun(ctx, r.record); err != nil { // says that it is alive: tidy
				return err
			}
			err := c.compare(ctx)
			r.report.StreamBegan = c.streamBegan()
			return err
		}},
		{PhaseVerify, func() error { return c.verify(ctx, r.API) }},
	} {
		if err := r.phase(phase.name, phase.do); err != nil {
			return err
		}
	}
	err = r.phase(PhaseDrift, func() error {
		if err := c.count(ctx, r.report); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return c.write(ctx, r.report)
	})
	if err != nil {
		return err
	}
	return r.complete(ctx)
}

// phase runs and times a part.
func (r *run) phase(name Phase, do func() error) error {
	began := r.Now()
	if err := do(); err != nil {
		return err
	}
	took := r.Now().Sub(began)
	r.report.Took = append(r.report.Took, PhaseTook{Phase: name, Seconds: took.Seconds()})
	r.Log.Info("a phase of the reconciliation is done", zap.String("phase", string(name)), zap.Duration("elapsed", took))
	if r.Hooks.OnPhase != nil {
		r.Hooks.OnPhase(name, took)
	}
	return nil
}

// complete is said whoever wants it to stop meanwhile: drift that was written counts,
// so the run has to be complete.
func (r *run) complete(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	now := r.Now().UTC()
	r.record.state, r.record.completedAt = stateComplete, &now
	if r.report.Superseded {
		r.record.state = stateSuperseded
	}
	if err := r.store.recordRun(ctx, r.record); err != nil {
		return err
	}
	r.tidy(ctx)
	return nil
}

// failed writes down why, where that is still possible.
func (r *run) failed(ctx context.Context, err error) {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	r.record.state, r.record.problem, r.record.completedAt = stateFailed, err.Error(), nil
	if lost := r.store.recordRun(last, r.record); lost != nil {
		r.Log.Warn("a failed reconciliation could not be marked so", zap.Stringer("run_id", r.record.id), zap.Error(lost))
	}
	if r.Hooks.OnFailed != nil {
		r.Hooks.OnFailed(err)
	}
}

func shown(s summary) Snapshot {
	return Snapshot{ID: s.ID, Source: s.Source, Whole: s.Whole, CompletedAt: s.CompletedAt, Pages: s.Pages, Rows: s.Rows, Filtered: s.Filtered,
		Repeated: s.Repeated, UnreadPlans: s.UnreadPlans, Tombstones: s.Tombstones, TombstonesWithheld: s.TombstonesWithheld}
}

// silentFor is how long after its last word a run counts as killed: longer than
// comparing, asking and writing take together.
const silentFor = 24 * time.Hour
