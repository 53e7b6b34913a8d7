package offsets_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/offsets"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/sink"
)

var servers testbed.Servers

func TestMain(m *testing.M) { os.Exit(servers.Run(m)) }

// fixture is a topic whose first records are ingested.
type fixture struct{ *testbed.Fixture }

// firstRecord is the timestamp of the first record of each partition; each further one is
// a minute later.
var firstRecord = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// newFixture has ten records in partition 0, four in partition 1, and none in partition 2.
func newFixture(t *testing.T) *fixture {
	s := &fixture{servers.Fixture(t, testbed.Config{Protocol: "native"})}
	s.produce(0, 0, 10)
	s.produce(1, 0, 4)
	return s
}

// produce sends the records [from, to) of a partition.
func (s *fixture) produce(partition int32, from, to int) {
	s.Helper()
	for n := from; n < to; n++ {
		at := firstRecord.Add(time.Duration(n) * time.Minute)
		s.Produce(kafka.Record{Partition: partition, Time: at, Value: fmt.Appendf(nil,
			`{"subscription_id":"s%d-%d","event_timestamp":%d,"subscription_action":"Renewed"}`, partition, n, at.Unix())})
	}
}

// group is the subject of the test.
func (s *fixture) group() *offsets.Group {
	s.Helper()
	kafka, err := consumer.New(s.Settings.ConsumerConfig(), testbed.Log(), consumer.Hooks{})
	s.Must(err)
	s.Cleanup(kafka.Close)
	ledger, err := sink.Open(s.Context(), s.Settings.SinkConfig(), testbed.Log(), sink.Hooks{})
	s.Must(err)
	s.Cleanup(func() { _ = ledger.Close() }) // it has only read
	return offsets.New(offsets.Deps{Kafka: kafka, Name: s.Settings.Kafka.Group, Topics: s.Settings.Kafka.Topics,
		Isolation: consumer.ReadCommitted, Timeout: 10 * time.Second, Ledger: ledger})
}

// plan is the plan of a target, by partition.
func (s *fixture) plan(t offsets.Target) *offsets.Plan {
	s.Helper()
	plan, err := s.group().Plan(s.Context(), offsets.Selection{}, t)
	s.Must(err)
	if len(plan.Changes) != testbed.Partitions {
		s.Fatalf("%d partitions in the plan", len(plan.Changes))
	}
	return plan
}

// reset executes the plan of a target.
func (s *fixture) reset(t offsets.Target) *offsets.Plan {
	s.Helper()
	plan := s.plan(t)
	s.Must(s.group().Reset(s.Context(), plan))
	return plan
}

// show is the report, with the next run of each partition.
func (s *fixture) show() *offsets.Report {
	s.Helper()
	report, err := s.group().Show(s.Context(), offsets.Selection{})
	s.Must(err)
	return report
}

// awaitInactive waits until the group has no member.
func (s *fixture) awaitInactive() {
	s.Helper()
	s.Eventually("a group without members", func() bool {
		state, err := s.group().Show(context.WithoutCancel(s.Context()), offsets.Selection{Partitions: []int32{0}})
		s.Must(err)
		return !state.Active
	})
}
