package files

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/safetext"
	"github.com/pianola/pianola/internal/wait"
)

// execution reads files in lanes, and passes what they give to one flusher. While one
// batch is flushed, the next one fills; when that is full too, reading stops. So memory is
// bounded.
type execution struct {
	*Loader
	id    string
	plan  job.Plan
	known map[string]named
	wait  func(rows int) error // the rate
	// flush makes parts durable. ended are the lanes that have no more rows, and bytes is
	// how much of the files was read.
	flush   func(parts []*part, ended []*lane, bytes int64) error
	maxRows int // in a batch

	mu sync.Mutex
	// free: there is room for rows, or reading has stopped.
	free *sync.Cond
	// work: there is something to flush, or no lane reads.
	work *sync.Cond
	// rows and bytes are in the parts of all lanes.
	rows, bytes int
	// due is true where the last flush was long ago.
	due bool
	// stopped is why no more rows are read.
	stopped error
	allRead bool
	lanes   []*lane // those with rows to flush
	ended   int     // how many of them are over
	spares  []*part
	// problems are the errors of files.
	problems []error
}

const (
	// flushInterval is how long rows wait at most for their flush, unless the flusher is
	// behind.
	flushInterval = 10 * time.Second
	// maxEnded is how many files that have ended wait for a flush: many small files would
	// hold much memory.
	maxEnded = 32
)

func (l *Loader) newExecution(id string, plan job.Plan, known map[string]named) *execution {
	e := &execution{Loader: l, id: id, plan: plan, known: known, maxRows: l.deps.MaxRows}
	if plan.Rate > 0 {
		e.maxRows = max(1, min(e.maxRows, int(plan.Rate*flushInterval.Seconds())))
	}
	e.free, e.work = sync.NewCond(&e.mu), sync.NewCond(&e.mu)
	return e
}

// place finds a file of the plan.
func (e *execution) place(f File) (named, error) {
	if n, known := e.known[f.Name]; known {
		return n, nil
	}
	return e.deps.Places.again(f)
}

// all reads ranges, and flushes what they give, also after an early end. A file that
// cannot be read does not stop the others: it is in problems.
func (e *execution) all(ctx context.Context, files []File, ranges []job.Range) error {
	defer context.AfterFunc(ctx, func() { e.stop(context.Cause(ctx)) })()
	queue := make(chan job.Range, len(ranges))
	for _, r := range ranges {
		queue <- r
	}
	close(queue)
	reading, endReading := context.WithCancel(ctx)
	defer endReading()
	var tasks, lanes errgroup.Group
	for range e.deps.Parallel {
		lanes.Go(func() error {
			for r := range queue {
				i := slices.IndexFunc(files, func(f File) bool { return f.Name == r.Name })
				e.readRange(ctx, r, files[i])
			}
			return nil
		})
	}
	tasks.Go(func() error {
		_ = lanes.Wait() // a lane has no error: a file has
		endReading()
		e.mu.Lock()
		defer e.mu.Unlock()
		e.allRead = true
		e.work.Broadcast()
		return nil
	})
	tasks.Go(func() error {
		for wait.For(reading, flushInterval) == nil {
			e.mu.Lock()
			e.due = true
			e.work.Broadcast()
			e.mu.Unlock()
		}
		return nil
	})
	tasks.Go(func() error {
		err := e.flushAll()
		if err != nil {
			e.stop(err)
		}
		return err
	})
	if err := tasks.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// stop ends reading. The first reason stays.
func (e *execution) stop(reason error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped == nil {
		e.stopped = reason
	}
	e.free.Broadcast()
}

// readRange reads one file in a lane, which stays until its last rows are flushed.
func (e *execution) readRange(ctx context.Context, r job.Range, f File) {
	l := &lane{file: f, from: r.From, rows: r.From}
	e.mu.Lock()
	if e.stopped != nil {
		e.mu.Unlock()
		return
	}
	l.part = e.sparePart()
	l.part.begin(e.id, r.Name, r.From)
	e.lanes = append(e.lanes, l)
	e.mu.Unlock()
	err := e.readFile(ctx, l)
	e.mu.Lock()
	defer e.mu.Unlock()
	l.over, l.complete = true, err == nil
	e.ended++
	if err != nil && e.stopped == nil && ctx.Err() == nil {
		e.problems = append(e.problems, fmt.Errorf("%s: %w", safetext.Name(f.Name), err))
		e.deps.Log.Error(LogFileFailed, zap.String("file", f.Name), zap.Error(err))
	}
	if e.ended >= maxEnded {
		e.work.Broadcast()
	}
}

// LogFileFailed is logged for a file that cannot be read completely. The job continues with
// the others.
const LogFileFailed = "file not read completely"

// sparePart needs the lock.
func (e *execution) sparePart() *part {
	if n := len(e.spares); n > 0 {
		p := e.spares[n-1]
		e.spares = e.spares[:n-1]
		return p
	}
	return newPart()
}

// room waits until rows may be added.
func (e *execution) room() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.stopped == nil && e.full() {
		e.free.Wait()
	}
	return e.stopped
}

func (e *execution) full() bool { return e.rows >= e.maxRows || e.bytes >= e.deps.MaxBytes }

func (e *execution) added(rows, bytes int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rows, e.bytes = e.rows+rows, e.bytes+bytes
	if e.full() {
		e.work.Broadcast()
	}
}

// flushAll flushes until all lanes have ended and their rows are flushed.
func (e *execution) flushAll() error {
	for last := false; !last; {
		parts, ended, bytes, all := e.collect()
		last = all
		if len(parts) > 0 || len(ended) > 0 {
			if err := e.flush(parts, ended, bytes); err != nil {
				return err
			}
		}
		e.giveBack(parts)
	}
	return nil
}

// collect waits for a batch, and takes the parts of all lanes. last means that nothing
// follows.
func (e *execution) collect() (parts []*part, ended []*lane, bytes int64, last bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for !e.allRead && !e.full() && !e.due && e.ended < maxEnded {
		e.work.Wait()
	}
	last, e.due = e.allRead, false
	e.lanes = slices.DeleteFunc(e.lanes, func(l *lane) bool {
		read := l.read.Load()
		bytes, l.shown = bytes+read-l.shown, read
		p := l.take(e)
		if p != nil {
			parts = append(parts, p)
		}
		if l.over && l.complete {
			ended = append(ended, l)
		}
		return l.over
	})
	e.rows, e.bytes, e.ended = 0, 0, 0
	for _, l := range e.lanes {
		rows, bytes := l.unflushed()
		e.rows, e.bytes = e.rows+rows, e.bytes+bytes
	}
	e.free.Broadcast()
	return parts, ended, bytes, last
}

// giveBack keeps the memory of flushed parts. A part that grew far beyond its share goes
// to the garbage collector: otherwise each could come to hold a whole batch.
func (e *execution) giveBack(parts []*part) {
	share := e.deps.MaxBytes / e.deps.Parallel
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range parts {
		if len(e.spares) < 2*e.deps.Parallel && p.size() <= share+share/4 {
			e.spares = append(e.spares, p)
		}
	}
}
