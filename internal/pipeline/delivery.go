package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// This file is the path of a message from the fetch to the commit, and the proof
// of contract §4: no message is lost, and the views show each event once.
//
// # Assumptions
//
// Each is a guarantee of another package, which tests it:
//
//   - A1, consumer.Reader.Next: a record set holds every readable record
//     between its StartOffset and its NextOffset, in order. The next set
//     starts where this one ends.
//   - A2, Sink.Flush: nil means that all rows, filtered ids, dead letters
//     and ledger rows of the batch are in ClickHouse. After an error, any of
//     them may be.
//   - A3, Generation.Commit: the broker accepts it only from the owner of
//     the partitions in the current generation. The next assignment starts
//     at the last accepted commit.
//   - A4, the tables: the key of a row is the identity of the event, and its
//     version comes from the record's timestamp and offset. A record that is
//     stored again replaces its own row, and the views show the later of two
//     versions.
//
// # Invariants
//
//   - I1, no gap: a part accounts for every record in [StartOffset,
//     NextOffset) as stored, filtered, dead-lettered or skipped. The next
//     part of a lane starts where the last one ended.
//   - I2, one owner: a part is in the slot of its lane, or with the one
//     goroutine that took it out.
//   - I3, durable before committed: a position is committed only after Flush
//     returned nil for a part that ends there, and for every earlier part of
//     the lane. (The assignment check in generation.go commits too, up to
//     what the ledger already accounts for as read or lost.)
//   - I4, all or nothing: after a part was collected and not committed, this
//     generation commits nothing more.
//   - I5, uncommitted records are read again: a generation drops its parts
//     when it ends, and the next owner starts at the committed position.
//
// # Why nothing is lost
//
// By I3 and I1, every record below a committed position is durable with one of
// its four outcomes. By I5, every record at or above it is read again.
//
// # Why nothing is shown twice
//
// A crash, a lost generation or an unknown outcome leaves records uncommitted,
// and they are read again. By A4 they give the same rows, from any process and
// in any order. An owner that lost its partition without knowing it stores only
// what the next owner stores too, and by A3 commits nothing.
//
// TestFlow_NeverCommitsWhatIsNotDurable checks I1 to I5 over random interleavings
// of fetch, flush, failure, commit, drain and crash. docs/trials.md describes the
// tests with real processes.

// lane is one assigned partition of one generation. Its goroutine fetches
// records, runs the stages on the borrowed bytes and fills the part in its slot.
type lane struct {
	topic     string
	partition int32
	start     int64
	epoch     uint32
	readBelow int64

	slot  chan *part // I2: capacity 1; holds the part unless a goroutine works on it
	spare *part      // owned by the flusher: collect puts it into the slot
}

// newLane starts at the position from the assignment check.
func newLane(a consumer.Assignment, v startPosition) *lane {
	l := &lane{topic: a.Topic, partition: a.Partition, start: v.offset, epoch: v.epoch, readBelow: v.readBelow,
		slot: make(chan *part, 1), spare: newPart()}
	first := newPart()
	first.begin(l, v.offset)
	l.slot <- first
	return l
}

// run fetches until ctx ends (nil) or the partition cannot be read. lanes is the
// number of lanes that share the fetch memory.
func (l *lane) run(ctx context.Context, f *Flow, g *limiter, lanes int) error {
	reader := f.source.NewReader(l.topic, l.partition, l.start)
	reader.Limit(max(fetchBudget/lanes, minFetch))
	defer reader.Close()
	worker := f.rules.NewWorker()
	beat := f.watchdog.watch(fmt.Sprintf("partition %s/%d", l.topic, l.partition))
	defer beat.stop()
	defer f.metrics.dropPartition(l.topic, l.partition)
	var transaction openTransaction

	for {
		beat.wait()
		set, err := reader.Next(ctx)
		if ctx.Err() != nil {
			return nil // I5: the part in the slot is dropped
		}
		if err != nil {
			return l.unreadable(f, reader.Position(), err)
		}
		if err := l.fill(ctx, f, g, worker, set, beat); err != nil {
			return nil // only ctx ends the wait for room
		}
		f.metrics.setLag(l.topic, l.partition, set.Lag(f.config.Isolation))
		if f.config.Isolation == consumer.ReadCommitted {
			transaction.observe(f, set)
		}
	}
}

// fill adds a record set to the part in bounded steps. The error is ctx's. It
// leaves the rest of the set out, and the lane ends with it.
func (l *lane) fill(ctx context.Context, f *Flow, g *limiter, worker *transform.Worker, set *consumer.RecordSet, beat *heartbeat) error {
	for records, more := set.Records, true; more; {
		beat.wait()
		rows, bytes, err := g.reserve(ctx, holdRows, holdBytes)
		if err != nil {
			return err
		}
		beat.step()
		p := <-l.slot // I2
		messages, before, moved := p.messages(), p.bytes(), p.Ledger.NextOffset
		records = p.hold(f.now(), worker, records, rows, bytes)
		if more = len(records) > 0; !more {
			// I1: control records, aborted records and compacted offsets after
			// the last record belong to the range.
			p.Ledger.NextOffset = max(p.Ledger.NextOffset, set.NextOffset)
		}
		usedRows, usedBytes := p.messages()-messages, p.bytes()-before
		progress := p.Ledger.NextOffset > moved
		l.slot <- p
		g.adjust(rows, usedRows, bytes, usedBytes)
		if progress {
			g.notify()
		}
	}
	return nil
}

// hold absorbs records until the reservation is used up, and returns the rest.
func (p *part) hold(now time.Time, worker *transform.Worker, records []consumer.Record, rows, bytes int) []consumer.Record {
	n := 0
	for ; n < len(records) && rows > 0 && bytes > 0; n++ {
		record := records[n]
		p.absorb(worker, record, now)
		rows, bytes = rows-1, bytes-len(record.Value)
	}
	worker.Release() // it may wait long for the next record
	if n > 0 {
		p.identify(records[n-1])
	}
	return records[n:]
}

// absorb runs the stages over one record and stores its outcome.
func (p *part) absorb(worker *transform.Worker, record consumer.Record, now time.Time) transform.Outcome {
	return p.store(worker, worker.Apply(record.Value, now), record, now)
}

// store stores the outcome of one record. For every outcome the record counts once and
// the range ends after it (I1).
func (p *part) store(worker *transform.Worker, result *transform.Result, record consumer.Record, now time.Time) transform.Outcome {
	ledger, offset := &p.Ledger, record.Offset
	at := schemas.Coordinates{Source: ledger.Source, Name: ledger.Name, Epoch: ledger.Epoch,
		Partition: ledger.Partition, Offset: offset}
	timestamp, rescaled := schemas.RecordTime(record.Timestamp)
	if rescaled {
		p.rescaled++
	}

	p.notes.Add(result.Notes)
	version := schemas.KafkaVersion(timestamp, offset)
	switch result.Outcome {
	case transform.Stored:
		p.Chunk.Append(result.Event, at, version) // A4
		p.sawEvent(result.Event.EventTimestamp, now)
		ledger.Stored++
	case transform.Filtered:
		if result.SubscriptionID != nil {
			p.addFiltered(result.SubscriptionID, version)
		}
		ledger.Filtered++
	case transform.DeadLettered:
		p.addDeadLetter(worker, result, at, timestamp, record.Value)
		ledger.DeadLettered++
	case transform.Skipped:
		ledger.Skipped++
	}
	p.sawRecord(timestamp)
	ledger.LastOffset, ledger.LastTimestamp = offset, timestamp
	ledger.NextOffset = offset + 1
	return result.Outcome
}

// flush makes all collected parts durable and then commits them. Nil means that
// both are done, or that nothing was collected. Any error ends the flusher and
// with it the generation (I4): a later commit would skip records that are in no
// table.
func (f *flusher) flush(ctx context.Context, beat *heartbeat) error {
	if ctx.Err() != nil {
		return errRejoin // the flusher may see a signal or the drain before the end of ctx
	}
	f.last = time.Now()
	collected := f.collect()
	if len(collected) == 0 {
		return nil
	}
	defer f.giveBack(collected)

	// The insert may continue for a bounded time after the generation. Its rows
	// are idempotent (A4), and a completed insert saves the next owner the work.
	bounded, cancel := withGrace(ctx, f.flow.config.InsertGrace)
	defer cancel()

	batch := &sink.Batch{Token: token(collected)}
	for _, t := range collected {
		batch.Parts = append(batch.Parts, &t.part.Part)
	}
	stats, err := f.flow.sink.Flush(bounded, batch) // A2
	if errors.Is(err, sink.ErrOutdated) {
		f.flow.log.Info("suppression list changed, range will be read again", zap.Int("partitions", len(collected)))
		return errRejoin
	}
	if err != nil {
		if bounded.Err() != nil {
			f.flow.log.Warn("flush cancelled, range will be read again", zap.Int("partitions", len(collected)))
			return errRejoin
		}
		return fmt.Errorf("flush %s: %w", describe(collected), err)
	}
	beat.step()
	if err := f.commit(bounded, collected); err != nil { // I3: after the Flush, before the next collect
		f.flow.metrics.commitErrors.Inc()
		f.flow.log.Warn("commit failed, range will be read again", zap.Error(err))
		// kafka-go does not restore the connection after a failed commit, and the
		// coordinator may have assigned the partitions to another member.
		return errRejoin
	}
	f.account(collected, stats)
	return nil
}

// collect takes every part that has advanced and leaves an empty part that
// continues its range (I1).
func (f *flusher) collect() []lanePart {
	f.limiter.drainSignals()
	var all []lanePart
	rows, bytes := 0, 0
	for _, l := range f.lanes {
		p := <-l.slot // I2
		if !p.advanced() {
			l.slot <- p
			continue
		}
		l.spare.begin(l, p.Ledger.NextOffset)
		l.slot <- l.spare
		l.spare = nil
		all = append(all, lanePart{l, p})
		rows, bytes = rows+p.messages(), bytes+p.bytes()
	}
	f.limiter.release(rows, bytes)
	return all
}

// commit commits the end of every part.
func (f *flusher) commit(ctx context.Context, all []lanePart) error {
	positions := make([]consumer.Position, len(all))
	for i, t := range all {
		positions[i] = consumer.Position{Topic: t.lane.topic, Partition: t.lane.partition, Offset: t.part.Ledger.NextOffset}
	}
	return f.generation.Commit(ctx, positions) // A3
}
