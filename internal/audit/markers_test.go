package audit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestAudit_OffsetsWithoutRecordsAreNoGaps reads a topic in which transactions left
// markers, and records that nobody is to see.
func TestAudit_OffsetsWithoutRecordsAreNoGaps(t *testing.T) {
	s := newEnv(t, "native", 5)
	client, err := kgo.NewClient(kgo.SeedBrokers(services.Kafka.Addr()), kgo.TransactionalID(s.Topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for i := range 12 {
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		r := &kgo.Record{Topic: s.Topic, Timestamp: time.UnixMilli(1_750_000_000_000),
			Value: fmt.Appendf(nil, `{"subscription_id":"S%d","event_timestamp":1750000000,"subscription_action":"Created"}`, i)}
		if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := client.EndTransaction(t.Context(), kgo.TransactionEndTry(i%3 > 0)); err != nil {
			t.Fatal(err)
		}
	}
	s.Ingest()
	r := s.audit(true)
	s.wantClean(r)
	if p := r.Partitions[0]; p.Next != 24 || p.Messages != 8 || p.Reread.Messages != 8 || p.Gaps != 0 {
		t.Errorf("got %+v, read again %+v", *p, *p.Reread)
	}
}

// TestAudit_EverythingIsGone keeps its findings few when everything is missing.
func TestAudit_EverythingIsGone(t *testing.T) {
	tier.Full(t, "ingests a world")
	s := newEnv(t, "native", 100)
	s.Publish()
	s.Ingest()
	for _, table := range []string{"subscription_events", "dead_letters", "filtered_subscriptions", "ingest_ledger"} {
		s.Exec("TRUNCATE TABLE " + table)
	}
	r := s.audit(true)
	if r.Clean || len(r.Findings) > 200 {
		t.Fatalf("%d findings", len(r.Findings))
	}
	var missing uint64
	for _, f := range r.Findings {
		if f.Kind == "event_missing" {
			missing += f.Messages
		}
	}
	if want := s.World.Truth().Counts.Stored; missing != uint64(want) {
		t.Errorf("%d deliveries of events are missed, want %d", missing, want)
	}
}
