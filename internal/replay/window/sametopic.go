package window

import (
	"context"
	"fmt"
	"sync"

	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/replay/kafkalog"
	"github.com/pianola/pianola/schemas"
)

// knownRecords has for each partition a record that was read of it. When another one is
// at its offset, the topic was recreated, and its offsets are other messages. A reader
// notices that between two of its fetches; a new one knows nothing, so it asks here after
// its first. Safe for concurrent use.
type knownRecords struct {
	mu   sync.Mutex
	rows map[partition]schemas.LedgerRow
}

type partition struct {
	topic string
	index int32
}

func newKnownRecords() *knownRecords { return &knownRecords{rows: map[partition]schemas.LedgerRow{}} }

// saw notes the last record of a chunk.
func (k *knownRecords) saw(l *schemas.LedgerRow) {
	if l.LastOffset < 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rows[partition{l.Name, l.Partition}] = *l
}

// check fails when the known record of a partition was replaced.
func (k *knownRecords) check(ctx context.Context, topic *kafkalog.Topic, r job.Range) error {
	k.mu.Lock()
	row, known := k.rows[partition{r.Name, r.Partition}]
	k.mu.Unlock()
	if !known {
		return nil
	}
	unchanged, err := topic.Unchanged(ctx, r.Partition, row)
	if err == nil && !unchanged {
		err = recreatedSince(r)
	}
	return err
}

func recreatedSince(r job.Range) error {
	return fmt.Errorf("%s/%d: %w since the job was planned, so its offsets are other messages; cancel the job and plan a new one", r.Name, r.Partition, kafkalog.ErrRecreated)
}

// verify finds out whether a topic was recreated since the job was planned, and notes a
// record of each partition.
func (e *execution) verify() error {
	ctx := e.run.Reading()
	for i := range e.run.Covered().Last {
		e.known.saw(&e.run.Covered().Last[i])
	}
	for _, r := range e.run.Remaining() {
		topic := e.topics[r.Name]
		if err := e.known.check(ctx, topic, r); err != nil {
			return err
		}
		known, err := e.deps.Writer.Positions(ctx, r.Name, []int32{r.Partition})
		if err != nil {
			return err
		}
		start, end, err := topic.Extent(ctx, r.Partition, r.From)
		if err != nil {
			return err
		}
		recreated, err := topic.Recreated(ctx, r.Partition, start, end, known[r.Partition])
		if err != nil {
			return err
		}
		if recreated || known[r.Partition].Epoch != r.Epoch || end < r.To {
			return recreatedSince(r)
		}
		first, found, err := topic.Fingerprint(ctx, r.Partition, r.From)
		if err != nil {
			return err
		}
		if found {
			row := pipeline.Identify(first, r.From)
			row.Name, row.Partition = r.Name, r.Partition
			e.known.saw(&row)
		}
	}
	return nil
}
