package consumer_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

func TestConsumer_Run(t *testing.T) {
	t.Run("gives_the_facts_about_what_is_assigned", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(2, "events"), kfake.SeedTopics(1, "more"))
		p := newProducer(t, cluster.ListenAddrs())
		produce(t, p, "events", 0, numbered("event", 10)...)
		produce(t, p, "more", 0, numbered("event", 3)...)
		if err := cluster.DeleteRecords("events", 0, 4); err != nil {
			t.Fatal(err)
		}
		m := startMember(t, settings(cluster.ListenAddrs(), "more", "events"), consumer.Hooks{})
		h := m.generation(3)
		want := []consumer.Assignment{
			{Topic: "more", Partition: 0, Committed: -1, LogStart: 0, HighWatermark: 3, LastStable: 3},
			{Topic: "events", Partition: 0, Committed: -1, LogStart: 4, HighWatermark: 10, LastStable: 10},
			{Topic: "events", Partition: 1, Committed: -1, LogStart: 0, HighWatermark: 0, LastStable: 0},
		}
		if !slices.Equal(h.Assignments, want) {
			t.Fatalf("got %+v, want %+v", h.Assignments, want)
		}
		if err := h.Commit(testContext(t), []consumer.Position{{Topic: "events", Partition: 0, Offset: 7}}); err != nil {
			t.Fatal(err)
		}
		h.give(nil)
		if h = m.generation(3); h.Assignments[1].Committed != 7 || h.Assignments[0].Committed != -1 {
			t.Fatalf("after a commit of 7: %+v", h.Assignments)
		}
		if at, metadata := committed(t, cluster, "events", 0); at != 7 || metadata != "" {
			t.Fatalf("the broker holds %d with metadata %q", at, metadata)
		}
	})

	t.Run("drains_commits_and_leaves", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(1, "events"))
		m := startMember(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{})
		h := m.generation(1)
		m.stop()
		await(t, h.Draining())
		// Several heartbeats later the member is still one.
		beats := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Observe: true, Count: -1})
		if err := beats.Wait(testContext(t), 3); err != nil {
			t.Fatalf("no heartbeat while draining: %v", err)
		}
		if err := h.ctx.Err(); err != nil {
			t.Fatalf("the generation ended before its handler returned: %v", err)
		}
		if err := h.Commit(testContext(t), positions(h, 5)); err != nil {
			t.Fatalf("commit while draining: %v", err)
		}
		h.give(nil)
		if err := await(t, m.done); err != nil {
			t.Fatalf("run: %v", err)
		}
		if at, _ := committed(t, cluster, "events", 0); at != 5 {
			t.Fatalf("committed %d, want 5", at)
		}
		if _, err := cluster.WaitGroupInfo(testContext(t), "test-group", func(g *kfake.GroupInfo) bool {
			return g == nil || len(g.Members) == 0
		}); err != nil {
			t.Fatalf("the member has not left: %v", err)
		}
	})

	t.Run("ends_the_handlers_context_when_draining_takes_too_long", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(1, "events"))
		cfg := settings(cluster.ListenAddrs(), "events")
		cfg.DrainTimeout = 50 * time.Millisecond
		m := startMember(t, cfg, consumer.Hooks{})
		h := m.generation(1)
		m.stop()
		await(t, h.ctx.Done())
		if cause := context.Cause(h.ctx); !errors.Is(cause, consumer.ErrDrainTimeout) {
			t.Fatalf("the cause is %v", cause)
		}
		h.give(nil)
		if err := await(t, m.done); err != nil {
			t.Fatalf("run: %v", err)
		}
	})

	t.Run("ends_with_the_handlers_error_and_leaves", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(1, "events"))
		m := startMember(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{})
		fatal := errors.New("fatal in this test")
		m.generation(1).give(fatal)
		if err := await(t, m.done); !errors.Is(err, fatal) {
			t.Fatalf("run: %v", err)
		}
		if _, err := cluster.WaitGroupInfo(testContext(t), "test-group", func(g *kfake.GroupInfo) bool {
			return g == nil || len(g.Members) == 0
		}); err != nil {
			t.Fatalf("the member has not left: %v", err)
		}
	})

	t.Run("ends_while_it_waits_to_join", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(1, "events"))
		joins := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Err: kerr.CoordinatorLoadInProgress, Count: -1})
		m := startMember(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{})
		if err := joins.Wait(testContext(t), 2); err != nil {
			t.Fatal(err)
		}
		m.stop()
		if err := await(t, m.done); err != nil {
			t.Fatalf("run: %v", err)
		}
	})

	for name, e := range map[string]*kerr.Error{
		"coordinator_is_loading": kerr.CoordinatorLoadInProgress,
		"coordinator_moved":      kerr.NotCoordinator,
		"coordinator_is_away":    kerr.CoordinatorNotAvailable,
	} {
		t.Run("joins_after_"+name, func(t *testing.T) {
			cluster := newCluster(t, kfake.SeedTopics(1, "events"))
			var failed counter
			cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Err: e, Count: 2})
			m := startMember(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{
				OnGroupError: func(kind consumer.ErrorKind) {
					if kind == consumer.KindCoordinator {
						failed.add()
					}
				},
			})
			m.generation(1)
			if failed.get() != 2 {
				t.Fatalf("%d failures were reported, want 2", failed.get())
			}
		})
	}

	t.Run("outlives_a_coordinator_that_moves", func(t *testing.T) {
		cluster := newCluster(t, kfake.NumBrokers(3), kfake.SeedTopics(1, "events"))
		m := startMember(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{})
		first := m.generation(1)
		if err := first.Commit(testContext(t), positions(first, 3)); err != nil {
			t.Fatal(err)
		}
		moved := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.NotCoordinator, Count: 1})
		if err := moved.Wait(testContext(t), 1); err != nil {
			t.Fatal(err)
		}
		await(t, first.ctx.Done())
		first.give(nil)
		if h := m.generation(1); h.Assignments[0].Committed != 3 {
			t.Fatalf("got %+v, want the committed offset 3", h.Assignments)
		}
	})
}

func TestConsumer_Run_rebalance(t *testing.T) {
	tier.Full(t, "waits for the group")
	t.Run("two_members_share_and_read_everything_once_committed", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(4, "events"))
		a := startMember(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{})
		alone := a.generation(4)
		b := startMember(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{})
		await(t, alone.ctx.Done())
		// The generation is lost, and the rebalance waits for this member: one
		// more commit is taken.
		if err := alone.Commit(testContext(t), positions(alone, 11)); err != nil {
			t.Fatalf("commit before the rebalance completes: %v", err)
		}
		alone.give(nil)
		mine, theirs := a.generation(2), b.generation(2)
		var partitions []int32
		for _, as := range append(slices.Clone(mine.Assignments), theirs.Assignments...) {
			partitions = append(partitions, as.Partition)
			if as.Committed != 11 {
				t.Errorf("partition %d: committed %d, want 11", as.Partition, as.Committed)
			}
		}
		if slices.Sort(partitions); !slices.Equal(partitions, []int32{0, 1, 2, 3}) {
			t.Fatalf("partitions %v are read", partitions)
		}
		// A generation that is over takes nothing, and says so at once.
		if err := alone.Commit(testContext(t), positions(alone, 99)); !errors.Is(err, consumer.ErrGenerationEnded) {
			t.Fatalf("commit in a lost generation: %v", err)
		}
		if at, _ := committed(t, cluster, "events", 0); at != 11 {
			t.Fatalf("committed %d, want 11", at)
		}
		// One leaves and the other gets all.
		b.stop()
		theirs.give(nil)
		if err := await(t, b.done); err != nil {
			t.Fatal(err)
		}
		await(t, mine.ctx.Done())
		mine.give(nil)
		a.generation(4)
	})

	t.Run("a_commit_that_fails_ends_the_generation", func(t *testing.T) {
		for _, e := range []*kerr.Error{kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.RebalanceInProgress, kerr.UnknownServerError} {
			cluster := newCluster(t, kfake.SeedTopics(1, "events"))
			var told counter
			m := startMember(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{
				OnCommit: func(_ int, _ time.Duration, err error) {
					if err != nil {
						told.add()
					}
				},
			})
			h := m.generation(1)
			cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: e, Count: 1})
			if err := h.Commit(testContext(t), positions(h, 1)); !errors.Is(err, consumer.ErrGenerationEnded) {
				t.Fatalf("%v: got %v", e, err)
			}
			await(t, h.ctx.Done())
			if err := h.Commit(testContext(t), positions(h, 1)); !errors.Is(err, consumer.ErrGenerationEnded) {
				t.Fatalf("%v: a second commit: %v", e, err)
			}
			if told.get() != 1 {
				t.Fatalf("%v: the hook was called %d times, want 1", e, told.get())
			}
			h.give(nil)
			again := m.generation(1)
			if err := again.Commit(testContext(t), positions(again, 2)); err != nil {
				t.Fatalf("%v: the next generation: %v", e, err)
			}
		}
	})

	t.Run("a_member_too_many_gets_nothing_and_waits", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(1, "events"))
		a := startMember(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{})
		first := a.generation(1)
		b := startMember(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{})
		await(t, first.ctx.Done())
		first.give(nil)
		idle, busy := b, a
		select {
		case h := <-b.gens:
			if len(h.Assignments) == 1 {
				idle, busy = a, b
			}
			h.give(nil)
		case <-testContext(t).Done():
			t.Fatal("the second member got no generation")
		}
		_ = busy
		idle.generation(0)
	})
}
