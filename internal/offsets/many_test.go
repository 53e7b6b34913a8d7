package offsets_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/pianola/pianola/internal/offsets"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/testbed"
)

// TestShow_ManyPartitionsNeedFewRequests: of Kafka and of ClickHouse, for a topic with 300
// partitions. A reset of all of them is one commit.
func TestShow_ManyPartitionsNeedFewRequests(t *testing.T) {
	const partitions = 300
	broker, err := kafka.Start(kafka.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	s := &fixture{servers.Fixture(t, testbed.Config{Protocol: "native", Kafka: broker})}
	s.Settings.Kafka.Topics = []string{"many"}
	if _, err := s.Admin.CreateTopic(t.Context(), partitions, 1, nil, "many"); err != nil {
		t.Fatal(err)
	}
	s.Exec(fmt.Sprintf(`INSERT INTO ingest_ledger (source, source_name, source_partition, kind, start_offset, next_offset, last_offset, written_at)
		SELECT 'kafka', 'many', number, 'flush', 0, 0, -1, now64(3) FROM numbers(%d)`, partitions))
	var mu sync.Mutex
	requests := map[int16]int{}
	broker.Cluster().Control(func(r kmsg.Request) (kmsg.Response, error, bool) {
		broker.Cluster().KeepControl()
		mu.Lock()
		defer mu.Unlock()
		requests[r.Key()]++
		return nil, nil, false
	})
	count := func() (sum int) {
		mu.Lock()
		defer mu.Unlock()
		for _, n := range requests {
			sum += n
		}
		clear(requests)
		return sum
	}
	g := s.group()
	report, err := g.Show(t.Context(), offsets.Selection{})
	if err != nil || len(report.Partitions) != partitions || report.Partitions[299].Ledger == nil {
		t.Fatalf("%v, %v", report, err)
	}
	if n := count(); n > 40 {
		t.Errorf("%d requests to show %d partitions", n, partitions)
	}
	plan, err := g.Plan(t.Context(), offsets.Selection{}, offsets.Target{Kind: offsets.FromLedger})
	if err == nil {
		err = g.Reset(context.WithoutCancel(t.Context()), plan)
	}
	if err != nil || plan.Moved() != partitions {
		t.Fatalf("%d moved, %v", plan.Moved(), err)
	}
	if n := count(); n > 60 {
		t.Errorf("%d requests to reset %d partitions", n, partitions)
	}
}
