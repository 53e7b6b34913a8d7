package pipeline

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// This file is a message's whole way from the fetch to the commit, and why the
// promise of contract §4 holds on it: nothing is lost, and the views show each
// event once.
//
// # What it stands on
//
// Each of these is another package's promise, with tests of its own:
//
//   - A1, consumer.Reader.Next: a set holds every record that is to be read
//     between its StartOffset and its NextOffset, in order, and the next set
//     starts where this one ended.
//   - A2, Sink.Flush: nil means that all rows, filtered ids, dead letters and
//     ledger rows of the batch are in ClickHouse. After an error any of them may
//     be.
//   - A3, Generation.Commit: the broker takes it only from who owns the
//     partitions in the group's present generation, and the group's next
//     assignment starts at the last one that it took.
//   - A4, the tables: a row's key is the event's identity and its version is made
//     of the record's own timestamp and offset, so a record that is stored again
//     meets its own row, and the views show the later of two versions.
//
// # The invariants
//
//   - I1, unbroken: a part accounts for every record in [StartOffset, NextOffset)
//     as one of stored, filtered, dead-lettered or skipped, and a lane's next part
//     starts where its last one ended.
//   - I2, one owner: a part is in its lane's slot, or with the one goroutine that
//     took it from there.
//   - I3, durable before committed: a position is committed only after a Flush
//     that returned nil for a part that ends there, and for every part of the lane
//     before it. (The assignment check, generation.go, commits too: up to what the
//     ledger accounts for already, as read or as lost.)
//   - I4, all or nothing: once a part has been collected and not committed,
//     nothing more is committed in this generation.
//   - I5, what was not committed is read again: a generation drops what it holds
//     when it ends, and the next owner starts at the committed position.
//
// # Why nothing is lost
//
// By I3 and I1 every record below a committed position is durable as one of its
// four outcomes. By A3 and I5 every record at or above it is read again, by
// whoever owns the partition next, however the owner before it ended.
//
// # Why nothing is shown twice
//
// What is read again is what a crash, a lost generation or an unknown outcome
// left uncommitted. By A4 it comes to the same rows, whoever stores it and in
// whatever order; an owner that has lost its partition and does not know it yet
// only stores what the next owner stores too, and by A3 commits nothing.
//
// TestFlow_NeverCommitsWhatIsNotDurable checks I1 to I5 over random interleavings
// of fetch, flush, failure, commit, drain and crash; docs/trials.md tells what
// real processes were put through.

// lane is one assigned partition of one generation. Its goroutine fetches, runs
// the stages in place on borrowed bytes, and fills the part in its slot.
type lane struct {
	topic     string
	partition int32
	start     int64
	epoch     uint32
	readBelow int64

	slot  chan *part // I2: of one; holds the part unless someone is working on it
	spare *part      // the flusher's: what collect puts into the slot
}

// newLane starts at the position that the assignment check has decided on.
func newLane(a consumer.Assignment, v startPosition) *lane {
	l := &lane{topic: a.Topic, partition: a.Partition, start: v.offset, epoch: v.epoch, readBelow: v.readBelow,
		slot: make(chan *part, 1), spare: newPart()}
	first := newPart()
	first.begin(l, v.offset)
	l.slot <- first
	return l
}

// run fetches until the context ends (then nil) or the partition cannot be read.
// lanes is how many share the memory for fetching.
func (l *lane) run(ctx context.Context, f *Flow, g *limiter, lanes int) error {
	reader := f.source.NewReader(l.topic, l.partition, l.start)
	reader.Limit(max(fetchBudget/lanes, minFetch))
	defer reader.Close()
	worker := f.rules.NewWorker()
	beat := f.watchdog.watch(fmt.Sprintf("partition %s/%d", l.topic, l.partition))
	defer beat.stop()
	defer f.metrics.dropLag(l.topic, l.partition)

	for {
		beat.wait()
		set, err := reader.Next(ctx)
		if ctx.Err() != nil {
			return nil // I5: what the slot holds is dropped
		}
		if err != nil {
			return l.unreadable(f, reader.Position(), err)
		}
		if err := l.fill(ctx, f, g, worker, set, beat); err != nil {
			return nil // only the context ends a wait for room
		}
		f.metrics.setLag(l.topic, l.partition, set.Lag(f.config.Isolation))
	}
}

// fill takes a record set in, a bounded hold at a time. An error is the context's,
// and leaves the rest of the set untaken: the lane ends with it.
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
			// I1: markers, aborted and compacted offsets after the last record
			// belong to the range; they are no records.
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
	for len(records) > 0 && rows > 0 && bytes > 0 {
		record := records[0]
		p.absorb(worker, record.Offset, recordTime(record.Timestamp), record.Value, now)
		records, rows, bytes = records[1:], rows-1, bytes-len(record.Value)
	}
	return records
}

// absorb runs the stages over one record, files what becomes of it, and says so.
// Whatever that is, the record is counted once and the range ends behind it (I1).
func (p *part) absorb(worker *transform.Worker, offset int64, timestamp schemas.Millis, value []byte, now time.Time) transform.Outcome {
	ledger := &p.Ledger
	at := schemas.Coordinates{Source: ledger.Source, Name: ledger.Name, Epoch: ledger.Epoch,
		Partition: ledger.Partition, Offset: offset}

	result := worker.Apply(value, now)
	p.notes.Add(result.Notes)
	switch result.Outcome {
	case transform.Stored:
		p.Chunk.Append(result.Event, at, schemas.KafkaVersion(timestamp, offset)) // A4
		p.sawEvent(result.Event.EventTimestamp, now)
		ledger.Stored++
	case transform.Filtered:
		if result.SubscriptionID != nil {
			p.addFiltered(result.SubscriptionID, now)
		}
		ledger.Filtered++
	case transform.DeadLettered:
		p.addDeadLetter(worker, result, at, timestamp, value)
		ledger.DeadLettered++
	case transform.Skipped:
		ledger.Skipped++
	}
	p.sawRecord(timestamp)
	ledger.LastOffset, ledger.LastTimestamp = offset, timestamp
	ledger.NextOffset = offset + 1
	return result.Outcome
}

// flush makes everything gathered so far durable, then commits it. Nil means that
// both are done, or that there was nothing to do. After anything else the flusher
// ends, and with it the generation (I4): a commit of what follows would step over
// what is in no table.
func (f *flusher) flush(ctx context.Context, beat *heartbeat) error {
	if ctx.Err() != nil {
		return errRejoin // the flusher may hear of room, or of the drain, before it hears of the end
	}
	f.last = time.Now()
	collected := f.collect()
	if len(collected) == 0 {
		return nil
	}
	defer f.giveBack(collected)

	// The insert outlives the generation by a bounded grace: its rows are
	// idempotent (A4), and one that completes saves the next owner the work.
	bounded, cancel := withGrace(ctx, f.flow.config.InsertGrace)
	defer cancel()

	batch := &sink.Batch{Token: token(collected)}
	for _, t := range collected {
		batch.Parts = append(batch.Parts, &t.part.Part)
	}
	stats, err := f.flow.sink.Flush(bounded, batch) // A2
	if err != nil {
		if bounded.Err() != nil {
			f.flow.log.Warn("flush given up, its range will be read again", zap.Int("partitions", len(collected)))
			return errRejoin
		}
		return fmt.Errorf("flush %s: %w", describe(collected), err)
	}
	beat.step()
	if err := f.commit(bounded, collected); err != nil { // I3: after the Flush, before the next collect
		f.flow.metrics.commitErrors.Inc()
		f.flow.log.Warn("commit failed, its range will be read again", zap.Error(err))
		// kafka-go does not restore the connection of a commit that failed, and
		// the coordinator may have given our partitions away.
		return errRejoin
	}
	f.account(collected, stats)
	return nil
}

// collect takes every part that has advanced and leaves an empty one that
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

// commit makes the ends of the parts the group's positions.
func (f *flusher) commit(ctx context.Context, all []lanePart) error {
	positions := make([]consumer.Position, len(all))
	for i, t := range all {
		positions[i] = consumer.Position{Topic: t.lane.topic, Partition: t.lane.partition, Offset: t.part.Ledger.NextOffset}
	}
	return f.generation.Commit(ctx, positions) // A3
}
