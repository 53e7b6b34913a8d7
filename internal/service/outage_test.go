package service_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestService_ClickHouseOutage stops ClickHouse during ingestion. Fetching stops at
// the memory limit; the process stays alive, is not ready, and recovers by itself. Then
// ClickHouse works but its answers are lost, so that every active insert is repeated.
func TestService_ClickHouseOutage(t *testing.T) {
	tier.Full(t, "waits for an outage")
	for _, protocol := range []string{"native", "http"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s := newFixture(t, protocol)
			s.tell(0.2)
			i := s.start()
			s.AwaitIngested(i.Run)

			s.line.Stop()
			before := i.Metric("pianola_fetched_bytes_total")
			s.tell(0.8)
			// So many refusals, with the pauses between them, last longer than a
			// loop may be silent: three inserts and their pauses.
			i.until("many retries", func() bool { return i.Metric("pianola_insert_retries_total") > 60 })
			held := i.Metric("pianola_fetched_bytes_total") - before
			retries := i.Metric("pianola_insert_retries_total")
			i.until("some more retries", func() bool { return i.Metric("pianola_insert_retries_total") > retries+10 })
			if now := i.Metric("pianola_fetched_bytes_total") - before; now != held {
				t.Errorf("%.0f bytes were fetched after the bound was reached", now-held)
			}
			if alive, text := i.page("/livez"); !alive {
				t.Errorf("an outage elsewhere is no reason to restart this process: %s", text)
			}
			if ready, text := i.page("/readyz"); ready || !strings.Contains(text, "clickhouse") {
				t.Errorf("ready %v while ClickHouse is away: %s", ready, text)
			}
			s.clickHouseComes()
			s.AwaitIngested(i.Run)
			if all := i.Metric("pianola_fetched_bytes_total") - before; held > all*2/3 {
				t.Errorf("%.0f of %.0f bytes were fetched while nothing could be stored: two batches of %d messages, and a fetch a partition, are %.0f",
					held, all, s.Settings.Batch.MaxRows, all*2/3)
			}

			s.answersGetLost()
			retries = i.Metric("pianola_insert_retries_total")
			s.tell(1)
			i.until("lost answers", func() bool { return i.Metric("pianola_insert_retries_total") > retries+1 })
			s.answersComeBack()
			s.AwaitIngested(i.Run)
			i.Drain()
			s.WantTruth()
		})
	}
}

// TestService_KafkaOutage takes the broker away in the middle, and brings it back
// where it was.
func TestService_KafkaOutage(t *testing.T) {
	tier.Full(t, "waits for an outage")
	t.Parallel()
	s := newFixture(t, "native")
	s.tell(0.5)
	i := s.start()
	s.AwaitIngested(i.Run)

	s.Services.Kafka.Close()
	// A fetch may fail before that, or end with the generation.
	i.until("the group is lost", func() bool { return i.Metric("pianola_group_errors_total") > 1 })
	if alive, text := i.page("/livez"); !alive {
		t.Errorf("an outage elsewhere is no reason to restart this process: %s", text)
	}
	if ready, text := i.page("/readyz"); ready || !strings.Contains(text, "Kafka") {
		t.Errorf("ready %v while Kafka is away: %s", ready, text)
	}
	s.kafkaComes()
	s.tell(1)
	s.AwaitIngested(i.Run)
	i.untilReady()
	i.Drain()
	s.WantTruth()
}

// TestService_DrainWithoutClickHouse: with rows in hand that cannot be stored, a
// drain ends when shutdown.timeout says so, and what it drops is read again.
func TestService_DrainWithoutClickHouse(t *testing.T) {
	tier.Full(t, "waits for an outage")
	s := newFixture(t, "native")
	s.Settings.Shutdown.Timeout = 2 * time.Second
	i := s.start()
	i.untilReady()
	s.line.Stop()
	s.tell(1)
	i.until("a retry", func() bool { return i.Metric("pianola_insert_retries_total") > 0 })
	began := time.Now()
	i.Drain()
	// An insert that may outlive its generation would have added a second, and
	// leaving the group takes a moment.
	if took := time.Since(began); took < s.Settings.Shutdown.Timeout || took > s.Settings.Shutdown.Timeout+s.Settings.ClickHouse.InsertTimeout {
		t.Errorf("the drain took %v, shutdown.timeout is %v", took, s.Settings.Shutdown.Timeout)
	}
	s.clickHouseComes()
	i = s.start()
	s.AwaitIngested(i.Run)
	i.Drain()
	s.WantTruth()

	t.Run("nor does one wait whose partitions are not yet judged", func(t *testing.T) {
		s.Settings.Shutdown.Timeout = time.Hour
		s.Settings.Kafka.Group += "_judging"
		i := s.start()
		i.untilReady()
		s.line.Stop()
		rounds := i.Metric("pianola_rebalances_total")
		s.addPartition()
		retries := i.Metric("pianola_insert_retries_total")
		i.until("a rebalance whose ledger cannot be read", func() bool {
			return i.Metric("pianola_rebalances_total") > rounds && i.Metric("pianola_insert_retries_total") > retries
		})
		i.Drain()
	})
}
