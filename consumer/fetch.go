package consumer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// fetchAnswer is one partition of a fetch response. Records and aborted are
// borrowed from the fetcher's buffer.
type fetchAnswer struct {
	code          kafka.Error // 0 for none
	highWatermark int64
	lastStable    int64
	logStart      int64
	aborted       []abortedTransaction
	records       []byte
}

// fetcher fetches the records of one partition into the same buffer each time.
// After a failed request it must not be used again: kafka-go may still read into
// its buffer.
type fetcher struct {
	toLeader
	request fetch.Request
	buffer  []byte
	answer  fetchAnswer
}

// noEpoch and noSession: this consumer does not use leader epochs or fetch
// sessions.
const (
	noEpoch    = -1
	noSession  = -1
	asConsumer = -1 // instead of a replica's id
)

func (c *Consumer) newFetcher(topic string, partition int32) *fetcher {
	f := &fetcher{request: fetch.Request{
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

// do fetches once. The answer is borrowed until the next do.
func (f *fetcher) do(ctx context.Context, c *Consumer, at int64, minBytes, maxBytes int, wait time.Duration) (*fetchAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+c.cfg.RequestTimeout)
	defer cancel()
	f.ctx = ctx
	f.request.MaxWaitTime = int32(wait / time.Millisecond)
	f.request.MinBytes = int32(minBytes)
	partition := &f.request.Topics[0].Partitions[0]
	partition.FetchOffset, partition.PartitionMaxBytes = at, int32(maxBytes)
	if err := c.roundTrip(ctx, f); err != nil {
		return nil, err
	}
	return &f.answer, nil
}

// readStep is how much is allocated at a time: the announced length of a response
// is not trusted before its bytes arrive.
const readStep = 1 << 20

// readResponse reads a whole response into the buffer and parses it.
func (f *fetcher) readResponse(r io.Reader, version int16) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	size := int(int32(binary.BigEndian.Uint32(head[:])))
	if size < 4 {
		return fmt.Errorf("fetch response of %d bytes", size)
	}
	f.buffer = f.buffer[:0]
	for len(f.buffer) < size {
		step := min(size-len(f.buffer), max(readStep, cap(f.buffer)-len(f.buffer)))
		f.buffer = slices.Grow(f.buffer, step)
		n, err := io.ReadFull(r, f.buffer[len(f.buffer):len(f.buffer)+step])
		f.buffer = f.buffer[:len(f.buffer)+n]
		if err != nil {
			return err
		}
	}
	return f.answer.parse(f.buffer, version, f.topic, f.partition)
}

// shrink frees a buffer that an oversized batch has left.
func (f *fetcher) shrink(limit int) {
	if cap(f.buffer) > 4*limit && len(f.buffer) < limit {
		f.buffer = nil
	}
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
