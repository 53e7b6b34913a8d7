package window

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/replay/kafkalog"
	"github.com/pianola/pianola/transform"
)

const (
	// workers is how many chunks are in memory: while one is written, the next is read.
	workers = 2
	// segmentChunks is how many chunks one worker reads in a row. The longer, the fewer
	// fetches that start in the middle of a batch.
	segmentChunks = 8
	// holdRows and holdBytes limit one step between two looks at the limits.
	holdRows  = 1024
	holdBytes = 1 << 20
)

// reading is one pass over ranges in chunks.
type reading struct {
	r       *Replayer
	topics  topics
	filter  job.Filter
	maxRows int
	wait    func(ctx context.Context, messages int) error // the rate
	read    *progress.Counter
	// flush processes a chunk. removed is called for offsets that retention has removed
	// since the plan, in place of a chunk.
	flush   func(context.Context, *pipeline.Reprocessor) error
	removed func(context.Context, job.Range) error
	// known are records that were read, by which a recreated topic is recognised.
	known *knownRecords
	// finish makes a pass process what it has read when it ends early.
	finish bool
}

// all reads ranges with some workers. The first error ends all of them.
func (d *reading) all(ctx context.Context, ranges []job.Range) error {
	return eachSegment(ctx, segmentsOf(ranges, int64(d.maxRows)*segmentChunks), d.segment)
}

// eachSegment passes segments to workers.
func eachSegment(ctx context.Context, segments []job.Range, work func(context.Context, job.Range) error) error {
	queue := make(chan job.Range)
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() error {
		defer close(queue)
		for _, s := range segments {
			select {
			case queue <- s:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	for range workers {
		tasks.Go(func() error {
			for s := range queue {
				if err := work(ctx, s); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return tasks.Wait()
}

// segmentsOf cuts ranges into segments of at most size offsets. It takes one of each range
// in turn, so that all partitions advance together in time.
func segmentsOf(ranges []job.Range, size int64) (segments []job.Range) {
	for step := int64(0); ; step++ {
		before := len(segments)
		for _, r := range ranges {
			if from := r.From + step*size; from < r.To {
				one := r
				one.From, one.To = from, min(from+size, r.To)
				segments = append(segments, one)
			}
		}
		if len(segments) == before {
			return segments
		}
	}
}

// segment reads one segment in chunks.
func (d *reading) segment(ctx context.Context, s job.Range) error {
	chunk := pipeline.NewReprocessor(d.r.deps.Rules, s.Name, s.Epoch, s.Partition)
	if !d.filter.IsZero() {
		chunk.Selects = d.selects
	}
	chunk.Begin(s.From)
	err := d.fill(ctx, s, chunk)
	if err == nil || d.finish && !errors.As(err, new(*flushError)) {
		err = errors.Join(err, d.end(ctx, chunk))
	}
	return err
}

// flushError marks an error of flush: there is nothing to finish.
type flushError struct{ error }

// Unwrap returns the error.
func (e *flushError) Unwrap() error { return e.error }

// end processes what the chunk has.
func (d *reading) end(ctx context.Context, chunk *pipeline.Reprocessor) error {
	if l := &chunk.Part().Ledger; l.NextOffset == l.StartOffset {
		return nil
	}
	if err := d.flush(ctx, chunk); err != nil {
		return &flushError{err}
	}
	d.known.saw(&chunk.Part().Ledger)
	return nil
}

// fill reads a whole segment. It leaves the last chunk for the caller.
func (d *reading) fill(ctx context.Context, s job.Range, chunk *pipeline.Reprocessor) error {
	records := d.topics[s.Name].NewRangeReader(s.Partition, s.From, s.To)
	defer records.Close()
	for at := s.From; at < s.To; {
		found, err := records.Next(ctx)
		if err == nil && at == s.From {
			err = d.known.check(ctx, d.topics[s.Name], s)
		}
		if err != nil {
			return err
		}
		if found.Removed > 0 {
			if err := d.skip(ctx, s, chunk, found); err != nil {
				return err
			}
		}
		if err := d.hold(ctx, chunk, found.Records); err != nil {
			return err
		}
		chunk.End(found.Next)
		d.read.Add(uint64(found.Next - at))
		at = found.Next
	}
	return nil
}

// skip ends the chunk before offsets that retention has removed, and begins one after them.
func (d *reading) skip(ctx context.Context, s job.Range, chunk *pipeline.Reprocessor, found kafkalog.Records) error {
	if err := d.end(ctx, chunk); err != nil {
		return err
	}
	s.From, s.To = found.Next-found.Removed, found.Next
	if err := d.removed(ctx, s); err != nil {
		return &flushError{err}
	}
	chunk.Begin(found.Next)
	return nil
}

// hold adds records to the chunk, and processes it each time it is full.
func (d *reading) hold(ctx context.Context, chunk *pipeline.Reprocessor, records []consumer.Record) error {
	for len(records) > 0 {
		step := min(len(records), holdRows, d.maxRows-chunk.Held())
		if err := d.wait(ctx, step); err != nil {
			return err
		}
		rest := chunk.Hold(records[:step], step, holdBytes, d.r.deps.Now())
		records = records[step-len(rest):]
		if chunk.Held() < d.maxRows && chunk.Size() < d.r.deps.MaxBytes {
			continue
		}
		next := chunk.Part().Ledger.NextOffset
		if err := d.end(ctx, chunk); err != nil {
			return err
		}
		chunk.Begin(next)
	}
	return nil
}

// selects applies the filter to a message.
func (d *reading) selects(result *transform.Result) bool {
	var action []byte
	if result.Event != nil {
		action = result.Event.SubscriptionAction
	}
	return d.filter.Selects(result.SubscriptionID, action)
}
