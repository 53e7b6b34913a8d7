package pipeline_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestFlow_ReadCommitted has a publisher whose transactions commit, abort, and
// stay open for a while. Nothing of an aborted transaction is stored. The flow waits
// for an open one. Offsets of markers and aborted records are committed like any
// others, also when no other record follows.
func TestFlow_ReadCommitted(t *testing.T) {
	s := newFixture(t, "native", 11, 1)
	publisher, err := kgo.NewClient(kgo.SeedBrokers(services.Kafka.Addr()), kgo.TransactionalID(s.Topic),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(publisher.Close)
	begin := func(partition int32, kind string, n int) {
		t.Helper()
		if err := publisher.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for k := range n {
			value := fmt.Appendf(nil, `{"subscription_id":"%s%d","event_timestamp":1750000000,"subscription_action":"Renewed"}`, kind, k)
			record := &kgo.Record{Topic: s.Topic, Partition: partition, Value: value, Timestamp: time.Now()}
			if err := publisher.ProduceSync(t.Context(), record).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	end := func(how kgo.TransactionEndTry) {
		t.Helper()
		if err := publisher.EndTransaction(t.Context(), how); err != nil {
			t.Fatal(err)
		}
	}
	stored := func() (kinds string) {
		t.Helper()
		s.One("SELECT toString(groupArray((kind, n))) FROM (SELECT substring(subscription_id, 1, 1) AS kind, count() AS n "+
			"FROM piano_subscriber_event_stream GROUP BY kind ORDER BY kind)", &kinds)
		return kinds
	}

	begin(0, "a", 5)
	end(kgo.TryCommit)
	begin(0, "x", 7)
	end(kgo.TryAbort)
	begin(1, "y", 3) // all that this partition ever has
	end(kgo.TryAbort)
	begin(0, "b", 4) // stays open
	i := s.start(nil)
	s.Eventually("committed up to the open transaction", func() bool {
		at := s.Committed()
		return at[0] == 5+1+7+1 && at[1] == services.Kafka.EndOffset(s.Topic, 1)
	}, i.Run)
	if got, want := stored(), "[('a',5)]"; got != want {
		t.Errorf("while a transaction is open %s are stored, want %s", got, want)
	}
	end(kgo.TryCommit)
	s.AwaitCommitted(i.Run)
	i.Drain()
	if got, want := stored(), "[('a',5),('b',4)]"; got != want {
		t.Errorf("%s are stored, want %s", got, want)
	}
	var unbalanced, gaps uint64
	s.One("SELECT countIf(messages != stored + filtered + dead_lettered + skipped) FROM ingest_ledger", &unbalanced)
	s.One("SELECT countIf(start_offset != before) FROM (SELECT start_offset, lagInFrame(next_offset, 1, toInt64(0)) "+
		"OVER (PARTITION BY source_partition ORDER BY start_offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS before FROM ingest_ledger)", &gaps)
	if unbalanced != 0 || gaps != 0 {
		t.Errorf("%d rows of the ledger do not balance, %d leave a gap", unbalanced, gaps)
	}
	again := s.start(nil)
	s.awaitAssigned(again) // a range without records is no data loss
	again.Drain()
}
