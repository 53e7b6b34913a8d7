package job

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/pianola/pianola/internal/wait"
)

// The log messages of a job.
const (
	LogStarted = "job started"
	LogResumed = "job resumed"
	LogEnded   = "job ended"
)

// Run is a job that this process runs, from Start or Resume to Finish.
type Run struct {
	store   *Store
	log     *zap.Logger
	limiter *rate.Limiter // nil without a limit
	covered *Covered      // when the run began

	reading context.Context
	stop    context.CancelCauseFunc
	writing context.Context
	release func() // of the contexts
	beats   sync.WaitGroup

	mu  sync.Mutex // also held while the record is written, so that the newest one is last
	job *Job
}

// run starts the heartbeats.
func (s *Store) run(ctx context.Context, j *Job, covered *Covered, message string) *Run {
	r := &Run{store: s, job: j, covered: covered, log: s.deps.Log.With(zap.String("job", j.ID))}
	r.reading, r.stop = context.WithCancelCause(ctx)
	var endWriting context.CancelFunc
	r.writing, endWriting = context.WithCancel(context.WithoutCancel(ctx))
	unwatch := context.AfterFunc(r.reading, func() { time.AfterFunc(s.deps.Grace, endWriting) })
	r.release = func() { unwatch(); r.stop(nil); endWriting() }
	if j.Plan.Rate > 0 {
		r.limiter = rate.NewLimiter(rate.Limit(j.Plan.Rate), max(1, int(j.Plan.Rate)))
	}
	beating, end := context.WithCancel(context.WithoutCancel(ctx))
	free := r.release
	r.release = func() { end(); r.beats.Wait(); free() }
	r.beats.Go(func() {
		for wait.For(beating, s.deps.Heartbeat) == nil {
			r.mu.Lock()
			r.sync()
			r.mu.Unlock()
		}
	})
	r.log.Info(message, zap.String("source", string(j.Source)), zap.Int("ranges", len(j.Plan.Ranges)), zap.Uint64("planned", j.Planned))
	return r
}

// ID returns the id of the job.
func (r *Run) ID() string { return r.job.ID }

// StartedAt is when the job started, which may be before this run of it.
func (r *Run) StartedAt() time.Time { return r.job.StartedAt }

// Plan returns the plan of the job.
func (r *Run) Plan() Plan { return r.job.Plan }

// Planned is what the progress counts up to.
func (r *Run) Planned() uint64 { return r.job.Planned }

// Covered is what earlier runs of the job have made durable.
func (r *Run) Covered() *Covered { return r.covered }

// Remaining are the ranges that this run has to read.
func (r *Run) Remaining() []Range { return r.covered.Remaining(r.job.Plan) }

// Count returns one of the counts of the job.
func (r *Run) Count(name string) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.job.Counts[name]
}

// Set replaces a count. The next record contains it.
func (r *Run) Set(name string, n uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.job.Counts[name] = n
}

// Reading ends when the run has to end: with the context of Start, a cancellation, a limit
// or a takeover, which is its cause.
func (r *Run) Reading() context.Context { return r.reading }

// Writing lasts for Deps.Grace longer than Reading, so that a chunk can become durable.
func (r *Run) Writing() context.Context { return r.writing }

// Wait waits until n messages more may be read. The error is the cause of Reading's end.
func (r *Run) Wait(n int) error {
	if r.limiter == nil {
		return context.Cause(r.reading)
	}
	for n > 0 {
		step := min(n, r.limiter.Burst())
		if err := r.limiter.WaitN(r.reading, step); err != nil {
			if cause := context.Cause(r.reading); cause != nil {
				return cause
			}
			return fmt.Errorf("wait for --rate: %w", err)
		}
		n -= step
	}
	return nil
}

// Done adds the counts of a chunk that is durable, records them, and looks for a
// cancellation. The error is the cause of Reading's end.
func (r *Run) Done(counts Counts) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.job.Counts.Add(counts)
	r.sync()
	if limit := r.job.Plan.MaxErrors; limit != nil && r.job.Counts[NewDeadLetters] > *limit {
		r.stop(ErrTooManyErrors)
	}
	return context.Cause(r.reading)
}

// maxSync limits one exchange with the record. The checkpoints do not need it.
const maxSync = 10 * time.Second

// sync looks whether somebody else wants the job, then writes the record. It needs the
// lock. A failure is only logged: the next one comes soon.
func (r *Run) sync() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.reading), maxSync)
	defer cancel()
	all, err := r.store.read(ctx, r.job.ID)
	switch {
	case err != nil:
	case len(all) > 0 && all[0].Instance != r.job.Instance:
		r.stop(ErrTakenOver)
		return
	default:
		if len(all) > 0 && (all[0].CancelRequested || all[0].State == Canceled) {
			r.stop(ErrCanceled)
		}
		err = r.store.write(ctx, r.job)
	}
	if err != nil {
		r.log.Warn("record of the job not written, trying again at the next heartbeat", zap.Error(err))
	}
}

// Confirm fails when the job is canceled or another process has taken it over. Both may
// drop the job's claims, even while this process is alive and was only silent. So
// an answer from the claims counts only when Confirm succeeds after it.
func (r *Run) Confirm(ctx context.Context) error {
	all, err := r.store.read(ctx, r.job.ID)
	switch {
	case err != nil:
		return err
	case len(all) > 0 && all[0].Instance != r.job.Instance:
		return ErrTakenOver
	case len(all) > 0 && (all[0].CancelRequested || all[0].State == Canceled):
		return ErrCanceled
	}
	return nil
}

// Finish ends the run. err is nil only when all of Remaining was read. It returns the job
// as recorded and, unless it is complete, why: a *StoppedError where Resume may continue.
func (r *Run) Finish(err error) (*Job, error) {
	cause := context.Cause(r.reading)
	r.release()
	r.mu.Lock()
	defer r.mu.Unlock()
	j := r.job
	bounded, cancel := context.WithTimeout(context.WithoutCancel(r.reading), r.store.deps.Grace)
	defer cancel()
	if errors.Is(cause, ErrTakenOver) || r.takenOver(bounded) {
		r.log.Warn(LogEnded, zap.Error(ErrTakenOver))
		return j, ErrTakenOver
	}
	result := err
	switch {
	case err == nil:
		j.State = Complete
	case errors.Is(cause, ErrCanceled):
		j.State, result = Canceled, ErrCanceled
	case cause != nil && (errors.Is(err, cause) || errors.Is(err, context.Canceled)):
		j.State, result = Stopped, &StoppedError{ID: j.ID, Err: cause}
		if errors.Is(cause, ErrTooManyErrors) {
			j.State = Failed
		}
		j.Problem = reasonOf(cause)
	default:
		j.State, j.Problem, result = Failed, err.Error(), &StoppedError{ID: j.ID, Err: err}
	}
	now := r.store.deps.Now().UTC().Truncate(time.Millisecond)
	j.FinishedAt = &now
	if failed := r.store.persist(bounded, j); failed != nil {
		result = errors.Join(result, failed)
	} else if !j.State.resumable() {
		if failed := r.store.dropClaims(bounded, j.ID); failed != nil {
			result = errors.Join(result, failed)
		}
	}
	r.log.Info(LogEnded, zap.String("state", string(j.State)), zap.String("problem", j.Problem), zap.Any("counts", j.Counts))
	return j, result
}

// takenOver reports whether another process runs the job now. A process that slept through
// that must neither end the record of the other one nor drop the claims that it uses.
func (r *Run) takenOver(ctx context.Context) bool {
	all, err := r.store.read(ctx, r.job.ID)
	return err == nil && len(all) > 0 && all[0].Instance != r.job.Instance
}
