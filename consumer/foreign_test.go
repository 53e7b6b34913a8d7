package consumer_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pianola/pianola/consumer"
)

// TestConsumer_Run_foreignMember: another application in the group is reported, whether
// it keeps this service out or shares the partitions with it.
func TestConsumer_Run_foreignMember(t *testing.T) {
	cluster := newCluster(t, kfake.SeedTopics(2, "events"))
	foreignMembers(t, cluster.ListenAddrs(), "events")
}

// foreignMembers is the same against kfake and Apache Kafka. The topic has two
// partitions.
func foreignMembers(t *testing.T, brokers []string, topic string) {
	for name, c := range map[string]struct {
		balancer kgo.GroupBalancer
		message  string
		says     []string
	}{
		"cooperative": {kgo.CooperativeStickyBalancer(), "group join failed, retrying",
			[]string{"another application uses kafka.group", "billing-report", "a group of its own"}},
		"with the same protocol": {kgo.RangeBalancer(), consumer.LogForeignMember, []string{"billing-report"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := settings(brokers, topic)
			cfg.Group = strings.ReplaceAll(topic+" "+name, " ", "-")
			joined := make(chan struct{}, 100)
			other, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ClientID("billing-report"),
				kgo.ConsumerGroup(cfg.Group), kgo.ConsumeTopics(topic), kgo.Balancers(c.balancer), kgo.DisableAutoCommit(), kgo.HeartbeatInterval(50*time.Millisecond),
				kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { joined <- struct{}{} }))
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			await(t, joined)
			text := fmt.Sprint(runUntilLogged(t, cfg, c.message))
			for _, part := range c.says {
				if !strings.Contains(text, part) {
					t.Errorf("it does not say %q: %s", part, text)
				}
			}
		})
	}
	t.Run("instances of this service are no other application", func(t *testing.T) {
		cfg := settings(brokers, topic)
		cfg.Group = topic + "-own"
		startMember(t, cfg, consumer.Hooks{}).generation(2)
		r, err := newConsumer(t, cfg, consumer.Hooks{}).CheckBrokers(testContext(t))
		if err != nil || len(r.ForeignMembers) != 0 || r.Partitions != 2 || r.Brokers != 1 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// untilDrain is a handler that ends with its generation.
func untilDrain(ctx context.Context, g *consumer.Generation) error {
	select {
	case <-ctx.Done():
	case <-g.Draining():
	}
	return nil
}

// runUntilLogged runs a consumer until it logs the message, and returns the fields of the
// first such line.
func runUntilLogged(t *testing.T, cfg consumer.Config, message string) map[string]any {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	running, err := consumer.New(cfg, zap.New(core), consumer.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	ctx, cancel := contextWithCancel(t)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- running.Run(ctx, untilDrain)
	}()
	waitFor(t, func() bool { return logs.FilterMessage(message).Len() > 0 })
	cancel()
	if err := await(t, done); err != nil {
		t.Error(err)
	}
	return logs.FilterMessage(message).All()[0].ContextMap()
}
