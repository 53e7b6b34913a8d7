package consumer_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/pianola/pianola/consumer"
)

// TestConsumer_CommitOffsets: the state of a group, and a commit from outside of it.
func TestConsumer_CommitOffsets(t *testing.T) {
	cluster := newCluster(t, kfake.SeedTopics(2, "events"))
	commitsFromOutside(t, cluster.ListenAddrs(), "events")
}

// TestApacheKafka_CommitOffsets is the same with the broker that people run.
func TestApacheKafka_CommitOffsets(t *testing.T) {
	brokers := startApacheKafka(t)
	createTopic(t, brokers, "commits", 2, nil)
	commitsFromOutside(t, brokers, "commits")
}

func commitsFromOutside(t *testing.T, brokers []string, topic string) {
	produce(t, newProducer(t, brokers), topic, 1, numbered("event", 9)...)
	cfg := settings(brokers, topic)
	c := newConsumer(t, cfg, consumer.Hooks{})
	to := func(first, second int64) []consumer.Position {
		return []consumer.Position{{Topic: topic, Offset: first}, {Topic: topic, Partition: 1, Offset: second}}
	}
	at := func(t *testing.T) [2]int64 {
		t.Helper()
		all, err := c.Offsets(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		return [2]int64{all[0].Committed, all[1].Committed}
	}
	describe := func(t *testing.T) consumer.GroupState {
		t.Helper()
		state, err := c.Describe(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		return state
	}

	t.Run("a_group_that_does_not_exist", func(t *testing.T) {
		if state := describe(t); state.Active() || state.State != "Dead" || !strings.Contains(state.Coordinator, ":") {
			t.Fatalf("got %+v", state)
		}
		if err := c.CommitOffsets(testContext(t), to(0, 7)); err != nil {
			t.Fatal(err)
		}
		if got := at(t); got != [2]int64{0, 7} {
			t.Errorf("got %v", got)
		}
		if state := describe(t); state.Active() || state.State != "Empty" {
			t.Errorf("afterwards %+v", state)
		}
	})
	t.Run("a_member_is_shown_and_refused", func(t *testing.T) {
		m := startMember(t, cfg, consumer.Hooks{})
		generation := m.generation(2)
		state := describe(t)
		if !state.Active() || state.State != "Stable" || len(state.Members) != 1 {
			t.Fatalf("got %+v", state)
		}
		want := []consumer.Position{{Topic: topic}, {Topic: topic, Partition: 1}}
		if one := state.Members[0]; one.Foreign || one.ClientID == "" || one.Host == "" || !slices.Equal(one.Partitions, want) {
			t.Errorf("got %+v", one)
		}
		if err := c.CommitOffsets(testContext(t), to(1, 1)); !errors.Is(err, consumer.ErrGroupActive) {
			t.Errorf("got %v", err)
		}
		if got := at(t); got != [2]int64{0, 7} {
			t.Errorf("the refused commit has moved the offsets to %v", got)
		}
		generation.give(nil)
		m.stop()
		if err := await(t, m.done); err != nil {
			t.Fatal(err)
		}
		waitFor(t, func() bool { return !describe(t).Active() })
	})
	for name, option := range map[string]kgo.Opt{
		"the_same_protocol":  kgo.Balancers(kgo.RangeBalancer()),
		"the_newer_protocol": kgo.ServerSideBalancer(),
	} {
		t.Run("a_foreign_member_with_"+name, func(t *testing.T) {
			cfg := cfg
			cfg.Group = name
			c := newConsumer(t, cfg, consumer.Hooks{})
			if err := c.CommitOffsets(testContext(t), to(2, 2)); err != nil {
				t.Fatal(err)
			}
			joined := make(chan struct{}, 100)
			other, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ClientID("billing-report"), kgo.ConsumerGroup(cfg.Group), kgo.ConsumeTopics(topic),
				option, kgo.DisableAutoCommit(), kgo.HeartbeatInterval(50*time.Millisecond),
				kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { joined <- struct{}{} }))
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			await(t, joined)
			state, err := c.Describe(testContext(t))
			if err != nil {
				t.Fatal(err)
			}
			if name == "the_same_protocol" && (len(state.Members) != 1 || !state.Members[0].Foreign || state.Members[0].ClientID != "billing-report") {
				t.Errorf("got %+v", state)
			}
			if err := c.CommitOffsets(testContext(t), to(1, 1)); !errors.Is(err, consumer.ErrGroupActive) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestConsumer_Offsets_asksEachBrokerOnce: a topic with hundreds of partitions needs no
// more requests than one with few.
func TestConsumer_Offsets_asksEachBrokerOnce(t *testing.T) {
	const partitions, brokers = 300, 3
	cluster := newCluster(t, kfake.NumBrokers(brokers), kfake.SeedTopics(partitions, "events"))
	produce(t, newProducer(t, cluster.ListenAddrs()), "events", 299, numbered("event", 3)...)
	var requests counter
	cluster.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		requests.add()
		return nil, nil, false
	})
	c := newConsumer(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{})
	all, err := c.Offsets(testContext(t))
	if err != nil || len(all) != partitions || all[299].HighWatermark != 3 || all[0].HighWatermark != 0 {
		t.Fatalf("%d partitions, %v", len(all), err)
	}
	if n := requests.get(); n != 3*brokers {
		t.Errorf("%d requests for the offsets of %d brokers", n, brokers)
	}
	at, err := c.OffsetsForTime(testContext(t), stamp("event-0"), all)
	if err != nil || at[299] != 0 || at[0] != -1 {
		t.Errorf("offsets for a time: %v, %v", at, err)
	}
	// One millisecond before 1970 is the end of the log to Kafka.
	if at, err := c.OffsetsForTime(testContext(t), time.UnixMilli(-1), all); err != nil || at[299] != 0 {
		t.Errorf("offsets for a time before 1970: %v, %v", at, err)
	}
	if n := requests.get(); n != 5*brokers {
		t.Errorf("%d requests", n)
	}
}

// TestConsumer_Offsets_leaderMoves: only the partitions of the broker that refused are
// asked for again.
func TestConsumer_Offsets_leaderMoves(t *testing.T) {
	cluster := newCluster(t, kfake.NumBrokers(2), kfake.SeedTopics(4, "events"))
	c := newConsumer(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{})
	if _, err := c.Offsets(testContext(t)); err != nil {
		t.Fatal(err)
	}
	for p := range int32(4) {
		if err := cluster.MoveTopicPartition("events", p, 1); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := c.Offsets(testContext(t)); err != nil || len(all) != 4 {
		t.Fatalf("got %v, %v", all, err)
	}
}

// TestConsumer_Describe_otherProtocol: a member of Kafka Connect, whose assignment has
// another form, is shown without partitions.
func TestConsumer_Describe_otherProtocol(t *testing.T) {
	cluster := newCluster(t, kfake.SeedTopics(1, "events"))
	for name, assignment := range map[string][]byte{"short": {0, 1, 0, 0}, "huge counts": {0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 1, 'a', 0x7f, 0xff, 0xff, 0xff}} {
		cluster.ControlKey(int16(kmsg.DescribeGroups), func(request kmsg.Request) (kmsg.Response, error, bool) {
			response := request.ResponseKind().(*kmsg.DescribeGroupsResponse)
			group := kmsg.NewDescribeGroupsResponseGroup()
			group.Group, group.State, group.ProtocolType = "test-group", "Stable", "connect"
			member := kmsg.NewDescribeGroupsResponseGroupMember()
			member.ClientID, member.MemberAssignment = "connect-1", assignment
			group.Members = append(group.Members, member)
			response.Groups = append(response.Groups, group)
			return response, nil, true
		})
		state, err := newConsumer(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{}).Describe(testContext(t))
		if err != nil || !state.Active() || len(state.Members) != 1 || !state.Members[0].Foreign || state.Members[0].Partitions != nil {
			t.Errorf("%s: got %+v, %v", name, state, err)
		}
	}
}
