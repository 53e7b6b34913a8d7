package trial

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/world"
)

// heavyKind is a stream of messages that cost a consumer more than their number
// says.
type heavyKind struct {
	name string
	// message is one of n, with a subscription id that no other has, and how many
	// bytes of it come to be stored as the name of its term.
	message func(d *rand.ChaCha8, n int) (value []byte, stored int)
	// options are the producer's, which decides how much is in a batch.
	options []kgo.Opt
}

// heavyKinds are what the simulated world tells too little of.
var heavyKinds = []heavyKind{
	{
		// Text that does not compress and is stored: it fills columns, inserts and
		// everything on the way there.
		name: "texts", message: largeText,
		options: []kgo.Opt{kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(4 << 20)},
	},
	{
		// Batches of next to nothing on the wire, each of which unpacks to 64 MiB.
		name: "unpacking", message: padded,
		options: []kgo.Opt{kgo.ProducerBatchCompression(kgo.ZstdCompression()), kgo.ProducerBatchMaxBytes(64 << 20), kgo.ProducerLinger(time.Second)},
	},
}

// There are as many heavy messages as this share of the world's.
const (
	heavyShare = 1000
	leastHeavy = 12
)

// largeText is of a hundred KiB up to the contract's limit.
func largeText(d *rand.ChaCha8, n int) ([]byte, int) {
	head := heavyHead(n)
	size := 100<<10 + int(d.Uint64()%(world.MaxMessageBytes-100<<10-uint64(len(head))-64))
	raw := make([]byte, size*3/4)
	_, _ = d.Read(raw) // never an error
	text := base64.RawStdEncoding.EncodeToString(raw)
	return fmt.Appendf(nil, `%s,"term_name":"%s"}`, head, text), len(text)
}

// padded is of exactly the contract's limit, by what nobody reads.
func padded(_ *rand.ChaCha8, n int) ([]byte, int) {
	head := append(heavyHead(n), `,"term_name":"gold","padding":"`...)
	const tail = `"}`
	head = append(head, bytes.Repeat([]byte{'x'}, world.MaxMessageBytes-len(head)-len(tail))...)
	return append(head, tail...), len("gold")
}

// heavyHead is the beginning of an event, in a month of its own so that inserts
// hold more than one.
func heavyHead(n int) []byte {
	return fmt.Appendf(nil, `{"subscription_id":"HEAVY%07d","event_timestamp":"2026-%02d-01T00:00:00Z","subscription_action":"Renewed"`, n, n%6+1)
}

// heavy tells n heavy messages to a topic beside the round's, has them read under
// the memory bound, and holds the table against what was told. Partitions are
// filled one after the other, so that the work goes from one to the next.
func (r *round) heavy(ctx context.Context, kind heavyKind, n int) error {
	beside := &round{
		stage: r.stage, seed: r.seed, dice: r.dice, world: r.world, topic: r.topic + "_" + kind.name,
		line: r.line, protocol: r.protocol, plain: r.plain, settings: r.settings,
	}
	beside.cfg = r.stage.settings(r.world, beside.topic)
	if err := beside.makeTopic(ctx); err != nil {
		return err
	}
	if err := beside.openDatabase(ctx); err != nil {
		return err
	}
	defer func() { r.running = append(r.running, beside.running...); _ = beside.conn.Close() }() // the round kills what is left
	stored, err := beside.tellHeavy(ctx, kind, n)
	if err != nil {
		return err
	}
	nothing := func(context.Context, *process) error { return nil }
	if err := beside.measured(ctx, "heavy messages", nothing); err != nil {
		return err
	}
	r.peak = max(r.peak, beside.peak)
	r.tally[kind.name] += n

	var rows, bytes uint64
	err = beside.conn.QueryRow(ctx, `SELECT count(), sum(length(term_name)) FROM piano_subscriber_event_stream WHERE startsWith(subscription_id, 'HEAVY')`).Scan(&rows, &bytes)
	if err != nil {
		return fmt.Errorf("count heavy events: %w", err)
	}
	if rows != uint64(n) || bytes != stored {
		return fmt.Errorf("%d events with %d bytes of text are shown, %d with %d were told", rows, bytes, n, stored)
	}
	return nil
}

// tellHeavy gives the bytes of text that have to be stored, and sets the ends.
func (r *round) tellHeavy(ctx context.Context, kind heavyKind, n int) (stored uint64, err error) {
	options := append([]kgo.Opt{
		kgo.SeedBrokers(r.stage.broker.addr), r.stage.broker.direct(), kgo.DefaultProduceTopic(r.topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
	}, kind.options...)
	client, err := kgo.NewClient(options...)
	if err != nil {
		return 0, fmt.Errorf("connect the publisher: %w", err)
	}
	defer client.Close()
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], r.seed)
	d, ends := rand.NewChaCha8(seed), make([]int64, r.world.Config().Partitions)
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
	if flushed := client.Flush(ctx); flushed != nil {
		return 0, fmt.Errorf("tell heavy messages: %w", flushed)
	}
	if err != nil {
		return 0, fmt.Errorf("tell heavy messages: %w", err)
	}
	r.ends.Store(&ends)
	return stored, nil
}
