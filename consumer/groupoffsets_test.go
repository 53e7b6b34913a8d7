package consumer_test

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/pianola/pianola/consumer"
)

func TestConsumer_Offsets(t *testing.T) {
	cluster := newCluster(t, kfake.SeedTopics(2, "events"), kfake.SeedTopics(1, "more"))
	brokers := cluster.ListenAddrs()
	p := newProducer(t, brokers)
	produce(t, p, "events", 1, numbered("event", 7)...)
	c := newConsumer(t, settings(brokers, "events", "more"), consumer.Hooks{})

	t.Run("a_group_that_nobody_has_made", func(t *testing.T) {
		got, err := c.Offsets(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		want := []consumer.Assignment{
			{Topic: "events", Partition: 0, Committed: -1},
			{Topic: "events", Partition: 1, Committed: -1, HighWatermark: 7, LastStable: 7},
			{Topic: "more", Partition: 0, Committed: -1},
		}
		if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
	t.Run("while_a_member_has_the_partitions", func(t *testing.T) {
		m := startMember(t, settings(brokers, "events", "more"), consumer.Hooks{})
		generation := m.generation(3)
		if err := generation.Commit(testContext(t), []consumer.Position{{Topic: "events", Partition: 1, Offset: 5}}); err != nil {
			t.Fatal(err)
		}
		got, err := c.Offsets(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		if got[0].Committed != -1 || got[1].Committed != 5 || got[2].Committed != -1 {
			t.Fatalf("got %+v", got)
		}
		if generation.ctx.Err() != nil {
			t.Error("asking has ended the generation")
		}
	})
	t.Run("a_coordinator_that_is_loading_is_asked_again", func(t *testing.T) {
		var asked counter
		cluster.ControlKey(int16(kmsg.OffsetFetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
			asked.add()
			if asked.get() > 2 {
				return nil, nil, false
			}
			cluster.KeepControl()
			response := req.ResponseKind().(*kmsg.OffsetFetchResponse)
			response.ErrorCode = kerr.CoordinatorLoadInProgress.Code
			return response, nil, true
		})
		got, err := c.Offsets(testContext(t))
		if err != nil || got[1].Committed != 5 || asked.get() != 3 {
			t.Fatalf("got %+v, %v after asking %d times", got, err, asked.get())
		}
	})
	t.Run("no_right_to_the_group_is_said_at_once", func(t *testing.T) {
		cluster.ControlKey(int16(kmsg.OffsetFetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
			response := req.ResponseKind().(*kmsg.OffsetFetchResponse)
			response.ErrorCode = kerr.GroupAuthorizationFailed.Code
			return response, nil, true
		})
		if _, err := c.Offsets(testContext(t)); !errors.Is(err, consumer.ErrNotAuthorized) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("a_topic_that_is_missing", func(t *testing.T) {
		c := newConsumer(t, settings(brokers, "events", "nowhere"), consumer.Hooks{})
		if _, err := c.Offsets(testContext(t)); !errors.Is(err, consumer.ErrTopicMissing) {
			t.Fatalf("got %v", err)
		}
	})
}

// TestApacheKafka_Offsets meets the versions that the broker people run speaks, and
// a coordinator that comes into being by being asked for.
func TestApacheKafka_Offsets(t *testing.T) {
	brokers := startApacheKafka(t)
	createTopic(t, brokers, "offsets", 2, nil)
	p := newProducer(t, brokers)
	produce(t, p, "offsets", 0, numbered("event", 4)...)
	c := newConsumer(t, settings(brokers, "offsets"), consumer.Hooks{})
	before, err := c.Offsets(testContext(t))
	if err != nil || before[0].Committed != -1 || before[0].HighWatermark != 4 {
		t.Fatalf("before the first member: %+v, %v", before, err)
	}
	m := startMember(t, settings(brokers, "offsets"), consumer.Hooks{})
	generation := m.generation(2)
	if err := generation.Commit(testContext(t), []consumer.Position{{Topic: "offsets", Partition: 0, Offset: 3}}); err != nil {
		t.Fatal(err)
	}
	after, err := c.Offsets(testContext(t))
	if err != nil || after[0].Committed != 3 || after[1].Committed != -1 {
		t.Fatalf("after a commit: %+v, %v", after, err)
	}
}
