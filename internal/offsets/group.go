package offsets

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/sink"
)

// maxParallelReads bounds the records that are read at the same time.
const maxParallelReads = 8

// Deps are the dependencies of a Group; all are required except Progress.
type Deps struct {
	Kafka     *consumer.Consumer // configured with the topics and the group
	Name      string             // of the group
	Topics    []string
	Isolation consumer.Isolation
	Timeout   time.Duration // of the read of one record
	Ledger    *sink.Writer  // only reads
	Progress  progress.Func // may be nil
}

// Group is the consumer group of the configuration.
type Group struct{ Deps }

// New creates a Group. It does no I/O.
func New(parts Deps) *Group { return &Group{parts} }

// Selection selects partitions; the zero value selects all.
type Selection struct {
	Topic      string
	Partitions []int32 // of every selected topic
}

// UnknownError is a selection of what does not exist.
type UnknownError struct{ What, Have string }

func (e *UnknownError) Error() string { return fmt.Sprintf("%s does not exist; %s", e.What, e.Have) }

// check returns an error for a topic that is not configured.
func (s Selection) check(topics []string) error {
	if s.Topic != "" && !slices.Contains(topics, s.Topic) {
		return &UnknownError{"--topic: the topic", "kafka.topics has " + strings.Join(topics, ", ")}
	}
	return nil
}

// of returns the selected ones of all partitions, and an error for a number that no
// selected topic has.
func (s Selection) of(all []consumer.Assignment) ([]consumer.Assignment, error) {
	var selected []consumer.Assignment
	seen, highest := map[int32]bool{}, int32(-1)
	for _, a := range all {
		if s.Topic != "" && a.Topic != s.Topic {
			continue
		}
		highest = max(highest, a.Partition)
		if len(s.Partitions) == 0 || slices.Contains(s.Partitions, a.Partition) {
			selected = append(selected, a)
			seen[a.Partition] = true
		}
	}
	for _, p := range s.Partitions {
		if !seen[p] {
			return nil, &UnknownError{fmt.Sprintf("--partition: partition %d", p), fmt.Sprintf("the partitions are 0 to %d", highest)}
		}
	}
	return selected, nil
}

// surveyed is one partition as Kafka and the ledger have it.
type surveyed struct {
	consumer.Assignment
	known sink.Position
}

// survey reads committed offsets, ledger and log ranges, in this order (see the package
// comment).
func (g *Group) survey(ctx context.Context, s Selection) ([]surveyed, error) {
	if err := s.check(g.Topics); err != nil {
		return nil, err
	}
	g.Progress.Report(progress.Step{Name: "read offsets and ledger"})
	assignments, err := g.Kafka.Offsets(ctx)
	if err == nil {
		assignments, err = s.of(assignments)
	}
	if err != nil {
		return nil, err
	}
	known, err := g.positions(ctx, assignments)
	if err != nil {
		return nil, err
	}
	if err := g.Kafka.RefreshAll(ctx, assignments); err != nil {
		return nil, err
	}
	all := make([]surveyed, len(assignments))
	for i, a := range assignments {
		all[i] = surveyed{a, known[a.Topic][a.Partition]}
	}
	return all, nil
}

// positions reads the ledger, by topic and partition.
func (g *Group) positions(ctx context.Context, of []consumer.Assignment) (map[string]map[int32]sink.Position, error) {
	partitions := map[string][]int32{}
	for _, a := range of {
		partitions[a.Topic] = append(partitions[a.Topic], a.Partition)
	}
	known := make(map[string]map[int32]sink.Position, len(partitions))
	for topic, list := range partitions {
		var err error
		if known[topic], err = g.Ledger.Positions(ctx, topic, list); err != nil {
			return nil, fmt.Errorf("read the ledger of %s: %w", topic, err)
		}
	}
	return known, nil
}

// recordAt reads the fingerprint of one record of a partition.
type recordAt func(offset int64) (f consumer.Fingerprint, found bool, err error)

// noRecords reads nothing: there is no evidence of a recreated topic then, other than a
// log that ends too early.
func noRecords(int64) (consumer.Fingerprint, bool, error) { return consumer.Fingerprint{}, false, nil }

// lastRecords reads for every partition the last record that the ledger knows, if the log
// still has it.
func (g *Group) lastRecords(ctx context.Context, all []surveyed) ([]recordAt, error) {
	read := g.Progress.Count("compare the last records with the ledger", "partitions", uint64(len(all)))
	records := make([]recordAt, len(all))
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.SetLimit(maxParallelReads)
	for i, one := range all {
		tasks.Go(func() error {
			defer read.Add(1)
			records[i] = noRecords
			last := one.known.LastOffset
			if !one.known.InLedger || last < one.LogStart || last >= one.HighWatermark {
				return nil
			}
			bounded, cancel := context.WithTimeout(ctx, g.Timeout)
			defer cancel()
			f, found, err := g.Kafka.FingerprintAt(bounded, one.Topic, one.Partition, last)
			records[i] = func(int64) (consumer.Fingerprint, bool, error) { return f, found, nil }
			return err
		})
	}
	return records, tasks.Wait()
}

// forecast is what the next run does with a partition whose group has this offset.
func (g *Group) forecast(ctx context.Context, one surveyed, committed int64, at recordAt) (Next, error) {
	one.Committed = committed
	start, err := pipeline.Forecast(one.Assignment, one.known, at, func(within sink.Range) ([]sink.Range, error) {
		return g.Ledger.LedgerGaps(ctx, one.Topic, one.Partition, one.known.Epoch, within)
	})
	if err != nil {
		return Next{}, err
	}
	return nextOf(one, start), nil
}
