package consumer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// fetchAnswer is one partition of a fetch response. Records are borrowed from the
// fetcher's buffer.
type fetchAnswer struct {
	code          kafka.Error // 0 for none
	highWatermark int64
	lastStable    int64
	logStart      int64
	aborted       []abortedTransaction
	records       []byte
}

// fetcher fetches the records of one partition. It holds the memory of at most
// one response. After a failed request it must not be used again: kafka-go may
// still read a response.
type fetcher struct {
	toLeader
	request fetch.Request
	answer  fetchAnswer
	memory  *responseMemory
	bound   time.Duration // of one request, without the wait for memory
	timer   *time.Timer   // ends the context of the request

	mu        sync.Mutex
	abandoned bool   // nobody waits for the response any more
	buffer    []byte // of the last response
	size      int    // of the last response; 0 when its memory was returned
}

// noEpoch and noSession: this consumer does not use leader epochs or fetch
// sessions.
const (
	noEpoch    = -1
	noSession  = -1
	asConsumer = -1 // instead of a replica's id
)

func (c *Consumer) newFetcher(topic string, partition int32, memory *responseMemory) *fetcher {
	f := &fetcher{memory: memory, bound: c.cfg.RequestTimeout, request: fetch.Request{
		ReplicaID: asConsumer,
		// With one partition the partition's limit is the limit. kfake omits the
		// aborted transactions from a response that MaxBytes cuts off.
		MaxBytes:     math.MaxInt32,
		SessionEpoch: noSession,
		Topics: []fetch.RequestTopic{{
			Topic: topic,
			Partitions: []fetch.RequestPartition{{
				Partition:          partition,
				CurrentLeaderEpoch: noEpoch,
				LogStartOffset:     -1,
			}},
		}},
	}}
	if c.cfg.Isolation == ReadCommitted {
		f.request.IsolationLevel = 1
	}
	f.toLeader = toLeader{topic: topic, partition: partition}
	f.client, f.body, f.read = c.cfg.ClientID, &f.request, f.readResponse
	return f
}

// do fetches once. The answer is borrowed until the next do or release.
func (f *fetcher) do(ctx context.Context, c *Consumer, at int64, minBytes, maxBytes int, wait time.Duration) (*fetchAnswer, error) {
	f.release()
	f.answer.records = nil // or it would keep the last response alive
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f.timer = time.AfterFunc(wait+f.bound, func() { cancel(context.DeadlineExceeded) })
	defer f.timer.Stop()
	f.ctx = ctx
	f.request.MaxWaitTime = int32(wait / time.Millisecond)
	f.request.MinBytes = int32(minBytes)
	partition := &f.request.Topics[0].Partitions[0]
	partition.FetchOffset, partition.PartitionMaxBytes = at, int32(maxBytes)
	if err := c.roundTrip(ctx, f); err != nil {
		f.abandon()
		if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			err = fmt.Errorf("fetch: %w", context.DeadlineExceeded)
		}
		return nil, err
	}
	return &f.answer, nil
}

// release returns the memory of the last response.
func (f *fetcher) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.size > 0 {
		f.memory.give(f.buffer, f.size)
	}
	f.buffer, f.size = nil, 0
}

// abandon also returns the memory of a response that is still being read.
func (f *fetcher) abandon() {
	f.release()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.abandoned = true
}

// hold keeps a response, unless nobody waits for it.
func (f *fetcher) hold(buffer []byte, size int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.abandoned {
		return false
	}
	f.buffer, f.size = buffer, size
	return true
}

// readStep is how much is allocated at a time: the announced length of a response
// is not trusted before its bytes arrive.
const readStep = 1 << 20

// readResponse waits for memory, then reads a whole response and parses it.
func (f *fetcher) readResponse(r io.Reader, version int16) (err error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	size := int(int32(binary.BigEndian.Uint32(head[:])))
	if size < 4 {
		return fmt.Errorf("fetch response of %d bytes", size)
	}
	f.timer.Stop() // the other readers decide how long the wait for memory takes
	buffer, err := f.memory.take(f.ctx, size)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil || !f.hold(buffer, size) {
			f.memory.give(buffer, size)
		}
	}()
	f.timer.Reset(f.bound)
	for len(buffer) < size {
		step := min(size-len(buffer), max(readStep, cap(buffer)-len(buffer)))
		buffer = slices.Grow(buffer, step)
		n, err := io.ReadFull(r, buffer[len(buffer):len(buffer)+step])
		buffer = buffer[:len(buffer)+n]
		if err != nil {
			return err
		}
	}
	return f.answer.parse(buffer, version, f.topic, f.partition)
}

var errFetchResponse = errors.New("fetch response is damaged")

// parse reads a fetch response, versions 0 to 11 (Kafka protocol, Fetch), after
// its length.
func (a *fetchAnswer) parse(data []byte, version int16, topic string, partition int32) error {
	aborted := a.aborted[:0]
	*a = fetchAnswer{highWatermark: -1, lastStable: -1, logStart: -1, aborted: aborted}
	w := wire{rest: data}
	if id := w.int32(); id != correlation {
		return errCorrelation
	}
	if version >= 1 {
		_ = w.int32() // throttle time: the broker delays the connection itself
	}
	if version >= 7 {
		a.code = kafka.Error(w.int16())
		_ = w.int32() // session
		if a.code != 0 {
			return w.err()
		}
	}
	topics := w.int32()
	name := w.string16()
	partitions := w.int32()
	if topics != 1 || partitions != 1 || string(name) != topic {
		return errFetchResponse
	}
	if index := w.int32(); index != partition {
		return errFetchResponse
	}
	a.code = kafka.Error(w.int16())
	a.highWatermark = w.int64()
	a.lastStable = a.highWatermark
	if version >= 4 {
		a.lastStable = w.int64()
	}
	if version >= 5 {
		a.logStart = w.int64()
	}
	if version >= 4 {
		for range w.int32() { // -1, null, is none
			a.aborted = append(a.aborted, abortedTransaction{producer: w.int64(), first: w.int64()})
			if w.failed {
				return errFetchResponse
			}
		}
	}
	if version >= 11 {
		_ = w.int32() // preferred read replica: none without a rack
	}
	a.records = w.bytes32()
	if w.failed {
		return errFetchResponse
	}
	return nil
}

var (
	_ protocol.Message       = (*fetcher)(nil)
	_ protocol.RawExchanger  = (*fetcher)(nil)
	_ protocol.BrokerMessage = (*fetcher)(nil)
)
