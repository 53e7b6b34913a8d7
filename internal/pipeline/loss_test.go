package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

func TestFlow_DataLoss(t *testing.T) {
	tier.Full(t, "loses messages in many ways")
	t.Run("retention", func(t *testing.T) {
		s := newFixture(t, "native", 8, 50)
		s.ingestAll()
		s.produce(30)
		s.DeleteBefore(0, services.Kafka.EndOffset(s.Topic, 0)-3)
		s.wantLoss(schemas.LostToRetention)
		var lost, from, to int64
		s.One("SELECT toInt64(count()), any(start_offset), any(next_offset) FROM ingest_ledger WHERE kind = 'lost' AND cause = 'retention'", &lost, &from, &to)
		if lost != 1 || to-from != 7 {
			t.Errorf("%d lost rows, [%d, %d); want one over 7 offsets", lost, from, to)
		}
	})
	t.Run("an offset that somebody moved", func(t *testing.T) {
		s := newFixture(t, "native", 14, 50)
		s.ingestAll()
		s.produce(30)
		at := s.Committed()[1]
		s.MoveGroup(1, at+4)
		s.wantLoss(schemas.LostToMovedOffset)
		var from, to int64
		s.One("SELECT any(start_offset), any(next_offset) FROM ingest_ledger WHERE kind = 'lost' AND cause = 'offset_moved'", &from, &to)
		if from != at || to != at+4 {
			t.Errorf("lost [%d, %d), want [%d, %d)", from, to, at, at+4)
		}
	})
	t.Run("a recreated topic without timestamps", func(t *testing.T) {
		s := newFixture(t, "native", 17, 1)
		event := func(subscription string) string {
			return fmt.Sprintf(`{"subscription_id":"%s","event_timestamp":1750000000,"subscription_action":"Renewed"}`, subscription)
		}
		s.ProduceAt(0, -1, event("OLD1"))
		s.ProduceAt(0, -1, event("OLD2"))
		for range 2 { // the same topic is no loss
			i := s.start(nil)
			s.AwaitCommitted(i.Run)
			s.awaitAssigned(i)
			i.Drain()
		}
		s.DeleteTopic()
		s.CreateTopic()
		for n := range 4 { // longer than the old one
			s.ProduceAt(0, -1, event(fmt.Sprintf("NEW%d", n)))
		}
		s.wantLoss(schemas.LostTopicRecreated)
		var rows uint64
		if s.One("SELECT count() FROM subscription_events FINAL WHERE source_epoch = 1", &rows); rows != 4 {
			t.Errorf("%d rows of the new topic, want 4", rows)
		}
	})
	t.Run("a recreated topic", func(t *testing.T) {
		s := newFixture(t, "native", 9, 50)
		s.ingestAll()
		s.DeleteTopic()
		s.CreateTopic()
		s.produce(30)
		s.wantLoss(schemas.LostTopicRecreated)
		var epochs, rows uint64
		s.One("SELECT uniqExact(source_epoch), countIf(source_epoch = 1) FROM subscription_events", &epochs, &rows)
		if epochs != 2 || rows != 30 {
			t.Errorf("%d epochs, %d rows of the new topic; want 2 and 30", epochs, rows)
		}
	})
}

// ingestAll tells the world and consumes all of it.
func (s *fixture) ingestAll() {
	s.Helper()
	s.Publish()
	i := s.start(nil)
	s.AwaitIngested(i.Run)
	i.Drain()
}

// wantLoss runs once to see the error, then accepts the loss and consumes what
// is there.
func (s *fixture) wantLoss(cause schemas.LostCause) {
	s.Helper()
	i := s.start(nil)
	err := i.Wait()
	var loss *pipeline.DataLossError
	if !errors.As(err, &loss) || loss.Cause != cause {
		s.Fatalf("Run returned %v, want a data loss by %s", err, cause)
	}
	s.Settings.Consumer.OnDataLoss = "continue"
	i = s.start(nil)
	s.AwaitCommitted(i.Run)
	i.Drain()
	s.Settings.Consumer.OnDataLoss = "fail"
	again := s.start(nil)
	s.awaitAssigned(again) // an accepted loss stays accepted
	again.Drain()
}

// TestFlow_RetentionPassesACommitLeftBehind is what a process leaves that ends
// between its ledger and its commit: once retention has passed the commit, nothing
// is lost all the same, for the ledger accounts for it.
func TestFlow_RetentionPassesACommitLeftBehind(t *testing.T) {
	tier.Full(t, "reads a topic several times")
	s := newFixture(t, "native", 15, 50)
	s.ingestAll()
	at := s.Committed()[0]
	s.MoveGroup(0, at-5)
	s.DeleteBefore(0, at)
	for range 2 {
		i := s.start(nil)
		s.AwaitCommitted(i.Run) // at first without anything to read
		i.Drain()
		s.produce(30)
	}
	var lost uint64
	if s.One("SELECT countIf(kind = 'lost') FROM ingest_ledger", &lost); lost != 0 {
		t.Errorf("%d ranges are recorded as lost", lost)
	}
}

// TestFlow_LedgerYoungerThanTheFacts has an owner that does not know that it has
// lost the partition. It writes after the log's end was looked up and before the
// ledger is read. The ledger then ends beyond that log end, and the topic is the
// same.
func TestFlow_LedgerYoungerThanTheFacts(t *testing.T) {
	tier.Full(t, "takes seconds on real servers")
	s := newFixture(t, "native", 16, 50)
	s.ingestAll()
	other := *s.Fixture
	other.Settings.Kafka.Group += "_late"
	late := &fixture{&other}
	var once sync.Once
	i := s.start(func(next pipeline.Sink) pipeline.Sink {
		return beforePositions{next, func() {
			once.Do(func() {
				s.produce(30)
				owner := late.start(nil)
				late.AwaitCommitted(owner.Run)
				owner.Drain()
			})
		}}
	})
	s.AwaitCommitted(i.Run)
	i.Drain()
}

// beforePositions does something before the ledger is read.
type beforePositions struct {
	pipeline.Sink
	do func()
}

func (b beforePositions) Positions(ctx context.Context, topic string, partitions []int32) (map[int32]sink.Position, error) {
	b.do()
	return b.Sink.Positions(ctx, topic, partitions)
}

// TestFlow_TopicRecreatedWhileRunning deletes and recreates a topic under a running
// instance, and fills it beyond the old position. To continue reading there would
// lose the beginning of the new topic without a trace.
func TestFlow_TopicRecreatedWhileRunning(t *testing.T) {
	tier.Full(t, "recreates a topic")
	s := newFixture(t, "native", 12, 1)
	s.produce(30)
	i := s.start(nil)
	s.AwaitCommitted(i.Run)
	s.DeleteTopic()
	s.Eventually("the reader has met the gap", func() bool { return i.metric("pianola_fetch_errors_total") >= 3 }, i.Run)
	s.CreateTopic()
	s.produce(60)
	err := i.Wait()
	var loss *pipeline.DataLossError
	if !errors.As(err, &loss) || loss.Cause != schemas.LostTopicRecreated {
		t.Fatalf("Run returned %v, want the recreated topic", err)
	}
}
