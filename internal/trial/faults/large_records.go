package faults

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/harness"
)

// largeKind is a stream of messages that cost a consumer more than their number says. The
// simulated world has too few of them.
type largeKind struct {
	name string
	// message is one of n, with a subscription id of its own, and how many bytes of it
	// are stored as term_name.
	message func(d *rand.ChaCha8, n int) (value []byte, stored int)
	// options are the producer's, which decides how much is in a batch.
	options []kgo.Opt

	partitions int // of the topic; 0: as the round's
	each       int // messages in a partition, at least
}

var largeKinds = []largeKind{
	{
		// Text that does not compress and is stored. It fills columns and inserts.
		name: "texts", message: largeText,
		options: []kgo.Opt{kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(4 << 20)},
	},
	{
		// Batches that are tiny on the wire, and 64 MiB when they are unpacked.
		name: "unpacking", message: padded,
		options: []kgo.Opt{kgo.ProducerBatchCompression(kgo.ZstdCompression()), kgo.ProducerBatchMaxBytes(64 << 20), kgo.ProducerLinger(time.Second)},
	},
	{
		// Ordinary batches of a megabyte in many partitions. A broker returns at least one
		// batch for each, also above the limit.
		name: "partitions", message: ordinary, partitions: 300, each: 500,
		options: []kgo.Opt{kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerLinger(100 * time.Millisecond)},
	},
	{
		// Batches of a few kilobytes whose headers ask for the largest window that Kafka's
		// own clients read.
		name: "windows", message: ordinary, partitions: 32, each: 200,
		options: []kgo.Opt{kgo.WithCompressor(&largeWindows{}), kgo.ProducerBatchMaxBytes(16 << 10)},
	},
}

// There is one large message for so many of the world's.
const (
	largeShare = 1000
	minLarge   = 12
)

// largeText has from a hundred KiB up to the contract's limit.
func largeText(d *rand.ChaCha8, n int) ([]byte, int) {
	head := largeHead(n)
	size := 100<<10 + int(d.Uint64()%(world.MaxMessageBytes-100<<10-uint64(len(head))-64))
	raw := make([]byte, size*3/4)
	_, _ = d.Read(raw) // never an error
	text := base64.RawStdEncoding.EncodeToString(raw)
	return fmt.Appendf(nil, `%s,"term_name":"%s"}`, head, text), len(text)
}

// padded has exactly the contract's limit. The padding is a field that is not stored.
func padded(_ *rand.ChaCha8, n int) ([]byte, int) {
	head := append(largeHead(n), `,"term_name":"gold","padding":"`...)
	const tail = `"}`
	head = append(head, bytes.Repeat([]byte{'x'}, world.MaxMessageBytes-len(head)-len(tail))...)
	return append(head, tail...), len("gold")
}

// ordinary has two kilobytes, of which half is stored.
func ordinary(d *rand.ChaCha8, n int) ([]byte, int) {
	raw := make([]byte, 768)
	_, _ = d.Read(raw) // never an error
	text := base64.RawStdEncoding.EncodeToString(raw)
	return fmt.Appendf(largeHead(n), `,"term_name":"%s","padding":"%s"}`, text, text), len(text)
}

// largeWindows compresses like a producer of the highest zstd level: each header asks for
// a window of 128 MiB, for a batch of any size.
type largeWindows struct {
	mu      sync.Mutex
	encoder *zstd.Encoder
}

// Compress implements kgo.Compressor.
func (c *largeWindows) Compress(dst *bytes.Buffer, src []byte, _ ...kgo.CompressFlag) ([]byte, kgo.CompressionCodecType) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.encoder == nil {
		// Only mistakes in options are errors.
		c.encoder, _ = zstd.NewWriter(nil, zstd.WithWindowSize(128<<20), zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	}
	c.encoder.Reset(dst)
	for _, part := range [][]byte{src[:1], src[1:]} { // a first flush, so that the header has no size
		_, _ = c.encoder.Write(part) // into memory
		_ = c.encoder.Flush()
	}
	_ = c.encoder.Close()
	return dst.Bytes(), kgo.CodecZstd
}

// largeHead is the beginning of an event. Months differ, so that an insert holds more
// than one.
func largeHead(n int) []byte {
	return fmt.Appendf(nil, `{"subscription_id":"HEAVY%07d","event_timestamp":"2026-%02d-01T00:00:00Z","subscription_action":"Renewed"`, n, n%6+1)
}

// large publishes n large messages to another topic, has them read under the memory
// bound, and compares the table with what was published.
func (s memory) large(ctx context.Context, kind largeKind, n int) error {
	beside, end, err := s.Beside(ctx, kind.name, kind.partitions)
	if err != nil {
		return err
	}
	defer end()
	stored, err := publishLarge(ctx, beside, kind, n)
	if err != nil {
		return err
	}
	nothing := func(context.Context, *harness.Process) error { return nil }
	err = memory{beside}.measure(ctx, "large messages", nothing)
	s.Peak = max(s.Peak, beside.Peak)
	if err != nil {
		return err
	}
	s.Count(kind.name, n)

	var rows, bytes uint64
	err = beside.Conn.QueryRow(ctx, `SELECT count(), sum(length(term_name)) FROM piano_subscriber_event_stream WHERE startsWith(subscription_id, 'HEAVY')`).Scan(&rows, &bytes)
	if err != nil {
		return fmt.Errorf("count large events: %w", err)
	}
	if rows != uint64(n) || bytes != stored {
		return fmt.Errorf("the view shows %d events with %d bytes of text, %d with %d were published", rows, bytes, n, stored)
	}
	return nil
}

// publishLarge returns the bytes of text that have to be stored. It fills one partition
// after the other, so that the load moves from one to the next.
func publishLarge(ctx context.Context, r *harness.Round, kind largeKind, n int) (stored uint64, err error) {
	client, err := r.NewProducer(kind.options...)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], r.Seed)
	d, ends := rand.NewChaCha8(seed), make([]int64, r.Partitions)
	for i := range n {
		value, bytes := kind.message(d, i)
		stored += uint64(bytes)
		partition := i * len(ends) / n
		ends[partition]++
		client.Produce(ctx, &kgo.Record{Partition: int32(partition), Value: value, Timestamp: time.Now()}, func(_ *kgo.Record, failed error) {
			if failed != nil && err == nil {
				err = failed
			}
		})
	}
	if err := errors.Join(client.Flush(ctx), err); err != nil {
		return 0, fmt.Errorf("publish large messages: %w", err)
	}
	r.SetEnds(ends)
	return stored, nil
}
