package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"
)

// RecordSet is what one Next gave: the records of one partition between two
// positions, in offset order. It and its records are borrowed until the
// reader's next Next or Close.
type RecordSet struct {
	Topic     string
	Partition int32

	// StartOffset is the position that was read from and NextOffset the one to
	// read, or commit, next. What lies between and is not in Records was a
	// control record, belonged to an aborted transaction, or was compacted away.
	StartOffset int64
	NextOffset  int64
	Records     []Record

	// HighWatermark, LastStable and LogStart are as of the fetch; LogStart is -1
	// where the broker is too old to tell.
	HighWatermark int64
	LastStable    int64
	LogStart      int64
}

// Lag is how many offsets are still to be read: up to the last stable offset
// when reading committed, up to the high watermark otherwise. Never below zero.
func (s *RecordSet) Lag(isolation Isolation) int64 {
	end := s.HighWatermark
	if isolation == ReadCommitted {
		end = s.LastStable
	}
	return max(0, end-s.NextOffset)
}

// Reader reads one partition from a position on. It is used by one goroutine at
// a time, starts none, and holds one connection while it waits. Its memory is
// about one fetch response, and while it holds a set the decompressed records
// (Config.HeldSets).
type Reader struct {
	c         *Consumer
	log       *zap.Logger
	topic     string
	partition int32

	fetcher      *fetcher // nil after a failure
	limit        int      // of one response, and of what is decoded at a time
	minBytes     int
	maxBytes     int // the limit, grown while a broker cuts the first batch off
	maxWait      time.Duration
	batches      batches
	set          RecordSet
	pause        *pause
	topicMissing bool // the topic was missing at the last try, or is another
	last         lastRead
	unread       int // how often the batch at the position could not be read
}

// NewReader gives a reader of a partition, which begins at offset. It does no
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
		pause:     newPause(),
	}
	r.batches.position = offset
	return r
}

// Limit lowers kafka.fetch_max_bytes for this reader, for a caller that has many:
// every one of them keeps a response.
func (r *Reader) Limit(bytes int) {
	r.limit = min(r.limit, bytes)
	r.minBytes, r.maxBytes = min(r.minBytes, r.limit), r.limit
}

// Position is the offset of the next record to be read.
func (r *Reader) Position() int64 { return r.batches.position }

// Close gives up the reader's memory. The set of the last Next is void.
func (r *Reader) Close() {
	r.release()
	r.fetcher = nil
	r.batches = batches{position: r.batches.position}
	r.set = RecordSet{}
}

// Next gives the next records, waiting up to kafka.fetch_max_wait for some; a
// set without any is normal, and its NextOffset may still have moved. Failures
// that time or another broker can mend are tried again inside, with back-off,
// for as long as ctx lives. The errors that come out are ctx's,
// ErrOffsetOutOfRange, ErrTopicRecreated, ErrCorrupt (after some tries), ErrNotAuthorized, and codes of the broker
// that no retry mends; the position stays where it was, and Next may be called
// again.
func (r *Reader) Next(ctx context.Context) (*RecordSet, error) {
	for {
		r.release() // before every fetch: others may be waiting to decode
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(r.batches.rest) == 0 {
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
		// After an error the good batches go out first; the bad one is still
		// there, and is met first by the next call.
		r.set.Topic, r.set.Partition = r.topic, r.partition
		r.set.StartOffset, r.set.NextOffset = start, r.batches.position
		r.set.Records = r.batches.records
		r.last.saw(r.set.Records)
		return &r.set, nil
	}
}

// release gives up the records of the last set.
func (r *Reader) release() {
	r.set.Records = nil
	if r.batches.workspace != nil {
		r.c.free.give(r.batches.workspace, r.limit)
		r.batches.workspace = nil
	}
}

// fetch fills batches with the next response, however often it has to ask.
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
		r.log.Warn("fetch failed and is tried again", zap.String("kind", string(kind)),
			zap.Int64("offset", r.batches.position), zap.Error(err))
		if err := r.pause.wait(ctx); err != nil {
			return err
		}
		if needsMetadata(kind) {
			r.c.transport.forget(layout)
		}
	}
}

// once asks once, with a new fetcher after a failure.
func (r *Reader) once(ctx context.Context) (*fetchAnswer, error) {
	if r.fetcher == nil {
		r.fetcher = r.c.newFetcher(r.topic, r.partition)
	}
	answer, err := r.fetcher.do(ctx, r.c, r.batches.position, r.minBytes, r.maxBytes, r.maxWait)
	if err != nil {
		r.fetcher = nil
		return nil, err
	}
	return answer, nil
}

// take hands a response to the decoder.
func (r *Reader) take(answer *fetchAnswer) {
	r.c.hooks.fetch(r.topic, r.partition, len(answer.records))
	r.set.HighWatermark, r.set.LastStable, r.set.LogStart = answer.highWatermark, answer.lastStable, answer.logStart
	r.fetcher.shrink(r.limit)
	r.batches.reset(answer.records, r.batches.position, r.c.cfg.Isolation == ReadCommitted, answer.aborted)
}

// final gives the error that Next is to return, nil where another try may help.
// One classifier for this boundary, with the reason beside each branch.
func (r *Reader) final(ctx context.Context, kind ErrorKind, err error) error {
	switch kind {
	case KindOffset:
		return r.confirmOutOfRange(ctx)
	case KindCorrupt:
		// A broker that finds its own log damaged says so with a code, and may mend
		// it. This is a batch, that of the last record, which was read more than once.
		if errors.Is(err, ErrCorrupt) {
			return err
		}
	case KindNotAuthorized:
		// Rights do not come back by asking; whoever took them will tell.
		return &ConnectError{
			Reason: ErrNotAuthorized, Where: "topic " + r.topic,
			Hint: "allow this login to READ and DESCRIBE it", Err: err,
		}
	case KindBroker:
		// What is unknown is not asked for for ever, apart from the codes that
		// Kafka itself calls transient.
		var code kafka.Error
		if errors.As(err, &code) && !code.Temporary() && code != kafka.Unknown {
			return fmt.Errorf("fetch %s/%d/%d: %w", r.topic, r.partition, r.batches.position, err)
		}
	}
	return nil
}

// confirmOutOfRange asks the leader what it holds: a follower that has just
// become leader may have answered from a log that was not complete yet.
func (r *Reader) confirmOutOfRange(ctx context.Context) error {
	start, end, err := r.c.logRange(ctx, r.topic, r.partition)
	if err != nil {
		return nil // the range cannot be told now: ask for the records again
	}
	if at := r.batches.position; at < start || at > end {
		return &OffsetOutOfRangeError{Topic: r.topic, Partition: r.partition, Offset: at, LogStart: start, LogEnd: end}
	}
	return nil
}

// widen asks for more bytes where a broker cut even the first batch off.
func (r *Reader) widen() error {
	if r.maxBytes >= maxBatch {
		return r.locate(&CorruptError{Offset: r.batches.position, Reason: "larger than can be fetched"})
	}
	r.maxBytes *= 2
	return nil
}

// readTries is how often a batch is fetched that cannot be read. What came to harm
// on the way, or in a broker's memory, is whole the next time; what lies damaged on
// a disk is not, and nothing else would tell the two apart.
const readTries = 3

// unreadable waits before the batch at the position is fetched again, or gives the
// error once that was done often enough.
func (r *Reader) unreadable(ctx context.Context, err error) error {
	if r.unread++; r.unread >= readTries {
		r.unread = 0
		return err
	}
	r.release() // others may be waiting to decode
	r.log.Warn("batch cannot be read and is fetched again", zap.Int64("offset", r.batches.position),
		zap.Int("attempt", r.unread), zap.Error(err))
	return r.pause.wait(ctx)
}

// stale waits before asking again where a broker answers with nothing but what
// lies before the position: it would do so again at once.
func (r *Reader) stale(ctx context.Context) error {
	r.batches.drop()
	r.c.hooks.fetchError(r.topic, r.partition, KindBroker)
	r.log.Warn("fetch gave only records before its offset", zap.Int64("offset", r.batches.position))
	return r.pause.wait(ctx)
}

// locate adds topic and partition to a decoder's error.
func (r *Reader) locate(err error) error {
	var corrupt *CorruptError
	if errors.As(err, &corrupt) {
		corrupt.Topic, corrupt.Partition = r.topic, r.partition
		r.c.hooks.fetchError(r.topic, r.partition, KindCorrupt)
		return corrupt
	}
	return err
}
