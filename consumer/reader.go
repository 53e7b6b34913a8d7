package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"
)

// RecordSet is the result of one Next: the records of one partition between two
// positions, in offset order. It is borrowed until the next Next or Close of the
// reader.
type RecordSet struct {
	Topic     string
	Partition int32

	// StartOffset is the position that was fetched, and NextOffset the position
	// to read or commit next. An offset in between without a record was a control
	// record, belonged to an aborted transaction, or was compacted.
	StartOffset int64
	NextOffset  int64
	Records     []Record

	// HighWatermark, LastStable and LogStart are those of the fetch response.
	// LogStart is -1 from an old broker.
	HighWatermark int64
	LastStable    int64
	LogStart      int64
}

// Lag is how many offsets are left: up to the last stable offset with
// ReadCommitted, otherwise up to the high watermark. Never negative.
func (s *RecordSet) Lag(isolation Isolation) int64 {
	end := s.HighWatermark
	if isolation == ReadCommitted {
		end = s.LastStable
	}
	return max(0, end-s.NextOffset)
}

// Reader reads one partition from a position on. One goroutine at a time uses it.
// It starts no goroutine and holds one connection while it waits. Its memory is
// one fetch response, while it has one that is not read to the end, and the
// records while it holds a set. All readers together have bounds for both
// (fetchmemory.go, workspace.go).
type Reader struct {
	c         *Consumer
	log       *zap.Logger
	topic     string
	partition int32

	fetcher      *fetcher // nil after a failure
	memory       *responseMemory
	limit        int // of one response and of one decoding step
	minBytes     int
	maxBytes     int // the limit, raised when a broker cuts off the first batch
	maxWait      time.Duration
	batches      batches
	set          RecordSet
	pause        *pause
	topicMissing bool // at the last try, or the topic was recreated
	last         lastRead
	unread       int // failed tries to decode the batch at the position
}

// NewReader returns a reader of a partition that starts at offset. It does no
// I/O.
func (c *Consumer) NewReader(topic string, partition int32, offset int64) *Reader {
	r := &Reader{
		c:         c,
		log:       c.log.With(zap.String("topic", topic), zap.Int32("partition", partition)),
		topic:     topic,
		partition: partition,
		limit:     c.cfg.FetchMaxBytes,
		minBytes:  c.cfg.FetchMinBytes,
		maxBytes:  c.cfg.FetchMaxBytes,
		maxWait:   c.cfg.FetchMaxWait,
		memory:    c.responses,
		pause:     newPause(),
	}
	r.batches.position = offset
	return r
}

// Limit lowers kafka.fetch_max_bytes for this reader, for a caller with many
// readers: each keeps a response.
func (r *Reader) Limit(bytes int) {
	r.limit = min(r.limit, bytes)
	r.minBytes, r.maxBytes = min(r.minBytes, r.limit), r.limit
}

// Position is the offset of the next record.
func (r *Reader) Position() int64 { return r.batches.position }

// Close frees the reader's memory. The last record set becomes invalid.
func (r *Reader) Close() {
	r.release()
	if r.fetcher != nil {
		r.fetcher.release()
		r.fetcher = nil
	}
	r.batches = batches{position: r.batches.position}
	r.set = RecordSet{}
}

// Next returns the next records and waits up to kafka.fetch_max_wait for some. A
// set without records is normal, and its NextOffset may still have moved. It
// retries temporary errors with back-off while ctx lives. It returns ctx's error,
// ErrOffsetOutOfRange, ErrTopicRecreated, ErrCorrupt (after some tries),
// ErrNotAuthorized, and permanent broker codes. The position does not change on
// error, and Next may be called again.
func (r *Reader) Next(ctx context.Context) (*RecordSet, error) {
	for {
		r.release() // before every fetch: other readers may wait to decode
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(r.batches.rest) == 0 {
			r.batches.drop() // an empty slice keeps the response alive
			if err := r.fetch(ctx); err != nil {
				return nil, err
			}
		}
		start := r.batches.position
		var err error
		if r.batches.workspace, err = r.c.free.take(ctx); err != nil {
			return nil, err
		}
		err = r.batches.decode(r.limit)
		if errors.Is(err, errLarge) && r.batches.position == start {
			if err := r.c.free.enlarge(ctx, r.batches.workspace); err != nil {
				return nil, err
			}
			err = r.batches.decode(r.limit)
		}
		switch {
		case errors.Is(err, errPartial):
			if err := r.widen(); err != nil {
				return nil, err
			}
			continue
		case err != nil && r.batches.position == start:
			r.batches.drop()
			if err := r.unreadable(ctx, r.locate(err)); err != nil {
				return nil, err
			}
			continue
		case r.batches.stale:
			if err := r.stale(ctx); err != nil {
				return nil, err
			}
			continue
		}
		r.unread = 0
		// After an error the good batches are returned first. The next call meets
		// the bad one first.
		r.set.Topic, r.set.Partition = r.topic, r.partition
		r.set.StartOffset, r.set.NextOffset = start, r.batches.position
		r.set.Records = r.batches.records
		r.last.saw(r.set.Records)
		return &r.set, nil
	}
}

// release gives back the records of the last set.
func (r *Reader) release() {
	r.set.Records = nil
	if r.batches.workspace != nil {
		r.c.free.give(r.batches.workspace, r.limit)
		r.batches.workspace = nil
	}
}

// fetch fills batches with the next response and retries.
func (r *Reader) fetch(ctx context.Context) error {
	for {
		layout := r.c.transport.current()
		r.last.asked = time.Now()
		answer, err := r.once(ctx)
		if err == nil && answer.code != 0 {
			err = answer.code
		}
		if err == nil && !r.topicMissing && r.last.doubtful() {
			r.topicMissing, err = r.replaced(ctx)
		}
		if err == nil {
			r.pause.reset()
			r.last.answered, r.last.failed = time.Now(), false
			if r.topicMissing {
				r.topicMissing = false
				return fmt.Errorf("fetch %s/%d/%d: %w", r.topic, r.partition, r.batches.position, ErrTopicRecreated)
			}
			r.take(answer)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		kind := classify(err)
		r.c.hooks.fetchError(r.topic, r.partition, kind)
		r.topicMissing, r.last.failed = r.topicMissing || kind == KindTopic, true
		if final := r.final(ctx, kind, err); final != nil {
			return final
		}
		r.log.Warn("fetch failed, retrying", zap.String("kind", string(kind)),
			zap.Int64("offset", r.batches.position), zap.Error(err))
		if err := r.pause.wait(ctx); err != nil {
			return err
		}
		if needsMetadata(kind) {
			r.c.transport.forget(layout)
		}
	}
}

// once fetches once, with a new fetcher after a failure.
func (r *Reader) once(ctx context.Context) (*fetchAnswer, error) {
	if r.fetcher == nil {
		r.fetcher = r.c.newFetcher(r.topic, r.partition, r.memory)
	}
	answer, err := r.fetcher.do(ctx, r.c, r.batches.position, r.minBytes, r.maxBytes, r.maxWait)
	if err != nil {
		r.fetcher = nil
		return nil, err
	}
	return answer, nil
}

// take passes a response to the decoder.
func (r *Reader) take(answer *fetchAnswer) {
	r.c.hooks.fetch(r.topic, r.partition, len(answer.records))
	r.set.HighWatermark, r.set.LastStable, r.set.LogStart = answer.highWatermark, answer.lastStable, answer.logStart
	r.batches.reset(answer.records, r.batches.position, r.c.cfg.Isolation == ReadCommitted, answer.aborted)
}

// final returns the error for Next to return, or nil when a retry may help. It is
// the one classifier of this boundary, with a reason for each branch.
func (r *Reader) final(ctx context.Context, kind ErrorKind, err error) error {
	switch kind {
	case KindOffset:
		return r.confirmOutOfRange(ctx)
	case KindCorrupt:
		// A broker that finds its log damaged sends a code, and may repair it.
		// This is the batch of the last record, which could not be decoded
		// repeatedly.
		if errors.Is(err, ErrCorrupt) {
			return err
		}
	case KindNotAuthorized:
		// A retry does not restore permissions. An operator must.
		return &ConnectError{
			Reason: ErrNotAuthorized, Where: "topic " + r.topic,
			Hint: "allow this login to READ and DESCRIBE it", Err: err,
		}
	case KindBroker:
		// An unknown code is not retried for ever, except the codes that Kafka
		// itself calls transient.
		var code kafka.Error
		if errors.As(err, &code) && !code.Temporary() && code != kafka.Unknown {
			return fmt.Errorf("fetch %s/%d/%d: %w", r.topic, r.partition, r.batches.position, err)
		}
	}
	return nil
}

// confirmOutOfRange reads the log range from the leader: a follower that has just
// become leader may have answered from an incomplete log.
func (r *Reader) confirmOutOfRange(ctx context.Context) error {
	start, end, err := r.c.logRange(ctx, r.topic, r.partition)
	if err != nil {
		return nil // the range is unknown: fetch again
	}
	if at := r.batches.position; at < start || at > end {
		return &OffsetOutOfRangeError{Topic: r.topic, Partition: r.partition, Offset: at, LogStart: start, LogEnd: end}
	}
	return nil
}

// widen raises the fetch limit after a broker cut off the first batch.
func (r *Reader) widen() error {
	if r.maxBytes >= maxBatch {
		return r.locate(&CorruptError{Offset: r.batches.position, Reason: "larger than the fetch limit"})
	}
	r.maxBytes *= 2
	return nil
}

// maxReadTries is how often a batch is fetched that cannot be decoded. Damage on
// the network or in a broker's memory is gone the next time, damage on a disk is
// not. Nothing else tells the two apart.
const maxReadTries = 3

// unreadable waits before the batch at the position is fetched again. After
// maxReadTries it returns the error.
func (r *Reader) unreadable(ctx context.Context, err error) error {
	if r.unread++; r.unread >= maxReadTries {
		r.unread = 0
		return err
	}
	r.release() // other readers may wait to decode
	r.log.Warn("batch decoding failed, fetching again", zap.Int64("offset", r.batches.position),
		zap.Int("attempt", r.unread), zap.Error(err))
	return r.pause.wait(ctx)
}

// stale waits before the next fetch when a broker returns only records before the
// position: it would do so again at once.
func (r *Reader) stale(ctx context.Context) error {
	r.batches.drop()
	r.c.hooks.fetchError(r.topic, r.partition, KindBroker)
	r.log.Warn("fetch returned only records before its offset, retrying", zap.Int64("offset", r.batches.position))
	return r.pause.wait(ctx)
}

// locate adds topic and partition to an error of the decoder.
func (r *Reader) locate(err error) error {
	var corrupt *CorruptError
	if errors.As(err, &corrupt) {
		corrupt.Topic, corrupt.Partition = r.topic, r.partition
		r.c.hooks.fetchError(r.topic, r.partition, KindCorrupt)
		return corrupt
	}
	return err
}
