package trial

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/world"
)

// onDataLoss is the setting that is tried, with both its values.
const (
	onDataLoss = "consumer.on_data_loss"
	failing    = "fail"
	continuing = "continue"
)

// losses is a round whose topic has a course of its own.
type losses struct {
	*round
	course world.TopicHistory
	epoch  uint32

	messages  func() (world.Message, bool)
	stopPull  func()
	producer  *kafka.Producer
	sent      int     // messages of the world
	lengths   []int64 // ends of the partitions of the topic as it is now
	starts    []int64 // their first offsets
	former    []int64 // lengths of the topic before it was made anew
	consumer  *process
	late      bool               // an insert may be under way that nobody waits for
	hasLosses map[string]float64 // the consumer's metrics before what is coming
}

func (l *losses) pull() { l.messages, l.stopPull = iter.Pull(l.world.Messages()) }

func (l *losses) close() {
	l.stopPull()
	if l.producer != nil {
		l.producer.Close()
	}
}

// tellNext sends the next n messages, or what is left of the world.
func (l *losses) tellNext(ctx context.Context, n int) error {
	until := l.sent + n
	return l.tellUntil(ctx, func() bool { return l.sent >= until })
}

// tellUntil sends messages until it is enough or the world is over, in record
// batches of a few messages, far below what a fetch may bring.
func (l *losses) tellUntil(ctx context.Context, enough func() bool) error {
	const batch = 30
	if l.producer == nil {
		if err := l.newProducer(); err != nil {
			return err
		}
	}
	for n := 1; !enough(); n++ {
		m, ok := l.messages()
		if !ok {
			break
		}
		err := l.producer.Send(ctx, kafka.Record{Topic: l.topic, Partition: m.Partition, Key: m.Key, Value: m.Value, Time: m.Time})
		if err == nil && n%batch == 0 {
			err = l.producer.Flush(ctx)
		}
		if err != nil {
			return fmt.Errorf("tell the world: %w", err)
		}
		l.sent++
		l.lengths[m.Partition]++
	}
	if err := l.producer.Flush(ctx); err != nil {
		return fmt.Errorf("tell the world: %w", err)
	}
	return nil
}

// begin starts the consumer with a value of consumer.on_data_loss.
func (l *losses) begin(mode string) error {
	l.settings[onDataLoss] = mode
	var err error
	l.consumer, err = l.start("consumer")
	l.hasLosses = nil
	return err
}

// rest ends the consumer in order.
func (l *losses) rest(ctx context.Context) error {
	if l.consumer == nil {
		return nil
	}
	p := l.consumer
	l.consumer = nil
	p.terminate()
	return p.drained(ctx)
}

// work has a consumer with either value at work.
func (l *losses) work(ctx context.Context) error {
	mode := []string{failing, continuing}[l.dice.IntN(2)]
	if l.settings[onDataLoss] != mode {
		if err := l.rest(ctx); err != nil {
			return err
		}
	}
	if l.consumer == nil {
		if err := l.begin(mode); err != nil {
			return err
		}
		if err := l.tellNext(ctx, slice); err != nil {
			return err
		}
		if err := l.await(ctx); err != nil {
			return err
		}
	}
	var err error
	l.hasLosses, err = l.lossMetrics(ctx)
	return err
}

// await waits until the consumer has read the topic to its end.
func (l *losses) await(ctx context.Context) error {
	return l.until(ctx, "the topic read to its end", []*process{l.consumer}, l.caughtUp)
}

// caughtUp says whether ledger and group have come to the end of every partition of
// the present topic. A commit alone says little: one for the topic before it may
// have come late.
func (l *losses) caughtUp(ctx context.Context) (bool, error) {
	reached, err := l.reached(ctx, l.epoch)
	if err != nil {
		return false, err
	}
	at, err := l.positions(ctx)
	if err != nil {
		return false, nil //nolint:nilerr // the coordinator may be elsewhere just now: asked again
	}
	for p, length := range l.lengths {
		if length > 0 && (reached[p] != length || at[p] != length) {
			return false, nil
		}
	}
	return true, nil
}

// reached is where the ledger ends in an epoch, by partition.
func (l *losses) reached(ctx context.Context, epoch uint32) ([]int64, error) {
	reached := make([]int64, partitions)
	return reached, l.fromLedger(ctx, reached, "source_epoch = $2", epoch)
}

// fromLedger fills in the highest next offset, by partition, of rows that meet a
// condition, of which $1 is the topic.
func (l *losses) fromLedger(ctx context.Context, into []int64, condition string, args ...any) error {
	rows, err := l.conn.Query(ctx, `SELECT source_partition, max(next_offset) FROM ingest_ledger
WHERE source_name = $1 AND `+condition+` GROUP BY source_partition`, append([]any{l.topic}, args...)...)
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells
	for rows.Next() {
		var p int32
		var next int64
		if err := rows.Scan(&p, &next); err != nil {
			return fmt.Errorf("read the ledger: %w", err)
		}
		into[p] = next
	}
	return rows.Err()
}

// positions are the group's, -1 for none.
func (l *losses) positions(ctx context.Context) ([]int64, error) {
	offsets, err := l.stage.admin.FetchOffsets(ctx, l.cfg.Kafka.Group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // a group that nobody has joined has none
		return nil, fmt.Errorf("ask for the group's offsets: %w", err)
	}
	at := make([]int64, partitions)
	for p := range at {
		at[p] = -1
		if o, found := offsets.Lookup(l.topic, int32(p)); found {
			at[p] = o.At
		}
	}
	return at, nil
}

// move is somebody who sets the group's offsets, once the group is empty. Those
// below 0 stay.
func (l *losses) move(ctx context.Context, to []int64) error {
	var offsets kadm.Offsets
	for p, at := range to {
		if at >= 0 {
			offsets.Add(kadm.Offset{Topic: l.topic, Partition: int32(p), At: at, LeaderEpoch: -1})
		}
	}
	return l.insist(ctx, "the group's offsets moved", func() error {
		return l.stage.admin.CommitAllOffsets(ctx, l.cfg.Kafka.Group, offsets)
	})
}

// insist tries until it works: a group may not be empty yet, a topic not gone.
func (l *losses) insist(ctx context.Context, what string, do func() error) error {
	var last error
	err := l.until(ctx, what, nil, func(context.Context) (bool, error) {
		last = do()
		return last == nil, nil
	})
	if err != nil && last != nil {
		err = fmt.Errorf("%w: %w", err, last)
	}
	return err
}
