package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/pianola/pianola/internal/replay/files/rows"
	"github.com/pianola/pianola/transform"
)

// lane reads one file, row by row, and fills its part.
type lane struct {
	file File
	from int64 // the first row to read

	mu   sync.Mutex
	part *part // of the reader, until the flusher takes it
	rows int64 // the row after the last one in the part

	// These belong to the execution's lock. over means that nothing is added any more,
	// complete that all rows were read.
	over, complete bool

	read  atomic.Int64 // bytes of the file, as it is stored
	shown int64        // of read, by the flusher
}

// take returns the part if it has advanced. It leaves an empty one that continues the
// range, unless the lane is over.
func (l *lane) take(e *execution) *part {
	l.mu.Lock()
	defer l.mu.Unlock()
	full := l.part
	if full == nil || full.Ledger.NextOffset == full.Ledger.StartOffset {
		return nil
	}
	l.part = nil
	if !l.over {
		l.part = e.sparePart()
		l.part.begin(e.id, l.file.Name, full.Ledger.NextOffset)
	}
	return full
}

// unflushed is what the part holds.
func (l *lane) unflushed() (rows, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.part.Ledger.NextOffset - l.part.Ledger.StartOffset), l.part.size()
}

// countingReader counts the bytes of the file for the progress.
type countingReader struct {
	from io.Reader
	n    *atomic.Int64
}

func (c countingReader) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// stepRows is how many rows a lane adds between two looks at the limits.
const stepRows = 256

// readFile reads all rows of a lane's file. The error is the context's, or names the row.
func (e *execution) readFile(ctx context.Context, l *lane) error {
	n, err := e.place(l.file)
	if err != nil {
		return err
	}
	r, closer, err := e.open(ctx, n, l)
	if err != nil {
		return err
	}
	defer closer.Close()
	defer r.Close()
	if err := r.Skip(l.from); err != nil {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("has fewer rows than the %d that are stored: %w", l.from, ErrChanged)
		}
		return err
	}
	worker := e.deps.Rules.NewWorker()
	for {
		step := min(stepRows, e.maxRows)
		if err := e.wait(step); err != nil {
			return err
		}
		if err := e.room(); err != nil {
			return err
		}
		count, size, err := l.step(r, worker, e, step)
		e.added(count, size)
		if p, is := r.(*rows.ParquetRows); is {
			l.read.Store(int64(float64(l.file.Stamp.Size) * float64(l.rows) / float64(max(p.Rows, 1))))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", l.rows, err)
		}
	}
	if n.at == Stdin {
		return nil
	}
	// A file that was written while it was read may have given half rows.
	now, err := n.object.stamp(ctx)
	if err != nil {
		return err
	}
	if !now.Equal(l.file.Stamp) {
		return ErrChanged
	}
	return nil
}

// step adds some rows to the part. It returns their number, and how much the part grew.
func (l *lane) step(r rows.Reader, worker *transform.Worker, e *execution, most int) (count, size int, err error) {
	now := e.deps.Now()
	for ; count < most && size < stepBytes; count++ {
		message, err := r.Next()
		if err != nil {
			return count, size, err
		}
		result := worker.Apply(message, now)
		l.mu.Lock()
		before := l.part.size()
		l.part.absorb(worker, result, message, !r.Truncated(), &e.plan.Filter)
		size += l.part.size() - before
		l.rows++
		l.mu.Unlock()
	}
	return count, size, nil
}

// stepBytes limits a step of large messages.
const stepBytes = 1 << 20

// open opens the file of a lane as it was planned.
func (e *execution) open(ctx context.Context, n named, l *lane) (rows.Reader, io.Closer, error) {
	if l.file.Format == rows.Parquet {
		r, closer, err := e.opener.openParquet(ctx, n, &l.file)
		return r, closer, err
	}
	raw, err := n.object.open(ctx, l.file.Stamp)
	if err != nil {
		return nil, nil, err
	}
	content, err := unpack(l.file.Compression, countingReader{raw, &l.read})
	if err != nil {
		raw.Close()
		return nil, nil, err
	}
	closer := closers{content, raw}
	r, err := e.opener.openText(content, &l.file)
	if err != nil {
		_ = closer.Close() // it was only read
		return nil, nil, err
	}
	return r, closer, nil
}

type closers []io.Closer

func (c closers) Close() error {
	for _, one := range c {
		one.Close()
	}
	return nil
}
