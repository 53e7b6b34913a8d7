package deadletters_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/replay/deadletters"
	"github.com/pianola/pianola/internal/replay/kafkalog"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/sink"
)

func TestRedrive_Retention(t *testing.T) {
	tier.Full(t, "deletes records in many ways")
	s := newEnv(t, "native")
	s.send(0, aliased("a"), good("b"), aliased("c"), hopeless, aliased("d"))
	s.send(1, aliased("e"))
	s.Ingest()
	s.alias()
	s.DeleteBefore(0, 3)
	s.DeleteBefore(1, 1) // all of it
	plan := s.plan(deadletters.Selection{})
	s.wantGroups(plan, "invalid_json 1", "missing_field 4 gone=3")
	s.wantGone(plan, deadletters.Gone{Cause: kafkalog.Retention, Letters: 3})
	done := s.redrive(deadletters.Selection{})
	s.wantGroups(done, "invalid_json 1 failed=1", "missing_field 4 stored=1 gone=3")
	s.wantGone(done, deadletters.Gone{Cause: kafkalog.Retention, Letters: 3})
	s.is("SELECT groupArray((source_partition, source_offset, attempts)) FROM (SELECT * FROM dead_letters FINAL WHERE resolved_at IS NULL ORDER BY source_partition, source_offset)",
		"([(0,0,1),(0,2,1),(0,3,2),(1,0,1)])")
}

// TestRedrive_RetentionMeanwhile removes records between plan and execution.
func TestRedrive_RetentionMeanwhile(t *testing.T) {
	tier.Full(t, "takes seconds on real servers")
	s := newEnv(t, "native")
	s.send(0, aliased("a"), aliased("b"), aliased("c"))
	s.Ingest()
	s.alias()
	r := s.redriver(sink.Hooks{})
	plan, err := r.Plan(t.Context(), deadletters.Selection{})
	s.Must(err)
	s.DeleteBefore(0, 2)
	report, err := r.Redrive(t.Context(), plan)
	s.Must(err)
	s.wantGroups(report, "missing_field 3 stored=1 gone=2")
	s.wantGroups(plan.Report(), "missing_field 3")
}

// TestRedrive_TopicRecreated has other messages at the same offsets of a topic
// with the same name, before and after a consumer has accepted it.
func TestRedrive_TopicRecreated(t *testing.T) {
	tier.Full(t, "recreates a topic")
	s := newEnv(t, "native")
	s.send(0, aliased("a"), good("b"))
	s.send(1, aliased("c"))
	s.Ingest()
	s.DeleteTopic()
	s.CreateTopic()
	s.alias()
	t.Run("empty", func(t *testing.T) {
		s.wantGroups(s.redrive(deadletters.Selection{}), "missing_field 2 gone=2")
	})
	// The very message again, at another time: still not the one that was read.
	s.sent = [testbed.Partitions]int{1000, 1000}
	s.send(0, aliased("a"), aliased("x"), aliased("y"))
	s.send(1, aliased("c"))
	t.Run("not yet accepted", func(t *testing.T) {
		done := s.redrive(deadletters.Selection{})
		s.wantGroups(done, "missing_field 2 gone=2")
		s.wantGone(done, deadletters.Gone{Cause: kafkalog.TopicRecreated, Letters: 2})
	})
	s.Settings.Consumer.OnDataLoss = "continue"
	s.Settings.Transform.FieldAliases = nil
	s.Ingest()
	s.alias()
	t.Run("accepted", func(t *testing.T) {
		s.is("SELECT groupArray((source_epoch, c)) FROM (SELECT source_epoch, count() AS c FROM dead_letters FINAL GROUP BY source_epoch ORDER BY source_epoch)", "([(0,2),(1,4)])")
		done := s.redrive(deadletters.Selection{})
		s.wantGroups(done, "missing_field 6 stored=4 gone=2")
		s.wantGone(done, deadletters.Gone{Cause: kafkalog.TopicRecreated, Letters: 2})
		s.is("SELECT groupArray((source_epoch, source_offset)) FROM (SELECT * FROM dead_letters FINAL WHERE resolved_at IS NULL ORDER BY source_partition)", "([(0,0),(0,0)])")
		s.is("SELECT uniqExact(source_epoch), min(source_epoch) FROM subscription_events WHERE subscription_id IN ('a', 'c', 'x', 'y')", "(1,1)")
	})
	t.Run("deleted", func(t *testing.T) {
		s.DeleteTopic()
		gone := s.redrive(deadletters.Selection{})
		s.wantGone(gone, deadletters.Gone{Cause: kafkalog.TopicMissing, Letters: 2})
	})
}

// TestRedrive_OtherRecord has dead letters whose hash, or whose record time where
// there is no hash, says that the record at their offset is another one.
func TestRedrive_OtherRecord(t *testing.T) {
	tier.Full(t, "recreates a topic")
	s := newEnv(t, "native")
	s.send(0, aliased("a"), aliased("b"), aliased("c"), aliased("d"))
	s.Ingest()
	s.alias()
	tamper := func(offset int, column, value string) {
		s.Exec(fmt.Sprintf("INSERT INTO dead_letters SELECT * REPLACE (%s AS %s, decided_at + INTERVAL 1 SECOND AS decided_at) FROM dead_letters FINAL WHERE source_offset = %d",
			value, column, offset))
	}
	tamper(0, "payload_sha256", "repeat('0', 64)")
	tamper(1, "payload_sha256", "NULL")
	tamper(2, "payload_sha256", "NULL")
	tamper(2, "message_time", "message_time + INTERVAL 1 MILLISECOND")
	done := s.redrive(deadletters.Selection{})
	s.wantGroups(done, "missing_field 4 stored=2 gone=2")
	s.wantGone(done, deadletters.Gone{Cause: kafkalog.OtherRecord, Letters: 2})
	s.is("SELECT groupArray(source_offset) FROM (SELECT * FROM dead_letters FINAL WHERE resolved_at IS NULL ORDER BY source_offset)", "([0,2])")
}

func TestRedrive_File(t *testing.T) {
	s := newEnv(t, "native")
	s.letter("file", 0, 0)
	done := s.redrive(deadletters.Selection{})
	s.wantGroups(done, "missing_field 1 gone=1")
	s.wantGone(done, deadletters.Gone{Cause: kafkalog.NotKafka, Letters: 1})
}

// letter plants a dead letter.
func (s *env) letter(source string, partition, offset int) {
	s.Helper()
	s.Exec(fmt.Sprintf("INSERT INTO dead_letters (source, source_name, source_partition, source_offset, reason, message_time, decided_at, attempts) "+
		"SELECT '%s', '%s', %d, %d, 'missing_field', fromUnixTimestamp64Milli(toInt64(%d)), now64(3), 1", source, s.Topic, partition, offset, recordTime(offset).UnixMilli()))
}

// TestRedrive_Transactions has a dead letter at the offset of a commit marker,
// where there is no record, and one in a transaction that is still open.
func TestRedrive_Transactions(t *testing.T) {
	tier.Full(t, "writes transactions")
	s := newEnv(t, "native")
	s.timeout = 2 * time.Second
	client, err := kgo.NewClient(kgo.SeedBrokers(services.Kafka.Addr()), kgo.TransactionalID(s.Topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	s.Must(err)
	defer client.Close()
	produce := func(id string, offset int) {
		s.Must(client.BeginTransaction())
		record := &kgo.Record{Topic: s.Topic, Partition: 0, Value: []byte(aliased(id)), Timestamp: recordTime(offset)}
		s.Must(client.ProduceSync(t.Context(), record).FirstErr())
	}
	produce("a", 0) // its marker is at 1
	s.Must(client.EndTransaction(t.Context(), kgo.TryCommit))
	produce("b", 2)
	for offset := range 3 {
		s.letter("kafka", 0, offset)
	}
	s.send(1, aliased("c"))
	s.letter("kafka", 1, 0)
	s.alias()
	done := s.redrive(deadletters.Selection{})
	s.wantGroups(done, "missing_field 4 stored=2 gone=1 unread=1")
	s.wantGone(done, deadletters.Gone{Cause: kafkalog.NoRecord, Letters: 1})

	s.Must(client.EndTransaction(t.Context(), kgo.TryCommit))
	s.wantGroups(s.redrive(deadletters.Selection{}), "missing_field 2 stored=1 gone=1")
}

// TestRedrive_Silence has a partition that does not exist: it is left after our
// timeout, and the others are redriven.
func TestRedrive_Silence(t *testing.T) {
	tier.Full(t, "waits for a time limit")
	s := newEnv(t, "native")
	s.timeout = 300 * time.Millisecond
	s.send(0, aliased("a"))
	s.Ingest()
	s.letter("kafka", 7, 0)
	s.alias()
	s.wantGroups(s.redrive(deadletters.Selection{}), "missing_field 2 stored=1 unread=1")
}
