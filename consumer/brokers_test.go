package consumer_test

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// unreachable is an address where nobody listens.
func unreachable(t testing.TB) string {
	t.Helper()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer closed.Close()
	return closed.Addr().String()
}

// advertised is a cluster of one broker that presents itself as two: broker 0 leads
// partition 0 of the topic, broker 1 leads partition 1. coordinator is the id of the
// group's coordinator. addresses are those of both.
func advertised(t testing.TB, topic string, coordinator int32, addresses func(real string) [2]string) *kfake.Cluster {
	t.Helper()
	cluster := newCluster(t, kfake.SeedTopics(2, topic))
	all := addresses(cluster.ListenAddrs()[0])
	split := func(id int32) (string, int32) {
		host, port, err := net.SplitHostPort(all[id])
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(port)
		if err != nil {
			t.Fatal(err)
		}
		return host, int32(n)
	}
	cluster.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		response := request.ResponseKind().(*kmsg.MetadataResponse)
		one := kmsg.NewMetadataResponseTopic()
		one.Topic = kmsg.StringPtr(topic)
		for id := range int32(2) {
			b := kmsg.NewMetadataResponseBroker()
			b.NodeID = id
			b.Host, b.Port = split(id)
			response.Brokers = append(response.Brokers, b)
			p := kmsg.NewMetadataResponseTopicPartition()
			p.Partition, p.Leader, p.Replicas, p.ISR = id, id, []int32{id}, []int32{id}
			one.Partitions = append(one.Partitions, p)
		}
		response.Topics = append(response.Topics, one)
		return response, nil, true
	})
	cluster.ControlKey(int16(kmsg.FindCoordinator), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		response := request.ResponseKind().(*kmsg.FindCoordinatorResponse)
		response.NodeID = coordinator
		response.Host, response.Port = split(coordinator)
		return response, nil, true
	})
	return cluster
}

func TestConsumer_CheckBrokers(t *testing.T) {
	tier.Full(t, "takes seconds on real servers")
	nobody := unreachable(t)
	for name, c := range map[string]struct {
		coordinator int32
		second      func(real string) string // the address of broker 1
		failed      string
	}{
		"every broker answers":                 {coordinator: 1, second: func(real string) string { return strings.Replace(real, "127.0.0.1", "localhost", 1) }},
		"a leader is unreachable":              {coordinator: 0, second: func(string) string { return nobody }, failed: nobody},
		"a leader and coordinator unreachable": {coordinator: 1, second: func(string) string { return nobody }, failed: nobody},
		"a name that nobody knows":             {coordinator: 0, second: func(string) string { return "kafka-1.invalid:9092" }, failed: "kafka-1.invalid:9092"},
		"a broker that says nothing":           {coordinator: 0, second: func(string) string { return testbed.Mute(t) }, failed: "127.0.0.1:"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := advertised(t, "events", c.coordinator, func(real string) [2]string { return [2]string{real, c.second(real)} })
			cfg := settings(cluster.ListenAddrs(), "events")
			cfg.DialTimeout, cfg.RequestTimeout = time.Second, time.Second
			checked := newConsumer(t, cfg, consumer.Hooks{})
			if err := checked.Check(testContext(t)); err != nil {
				t.Errorf("the configured broker answers: %v", err)
			}
			r, err := checked.CheckBrokers(testContext(t))
			if c.failed == "" {
				if err != nil || r.Topics != 1 || r.Partitions != 2 || r.Brokers != 2 || !strings.HasPrefix(r.Coordinator, "localhost:") || r.Committed != 0 {
					t.Errorf("%+v, %v", r, err)
				}
				return
			}
			if !errors.Is(err, consumer.ErrUnreachable) || !strings.Contains(err.Error(), ": "+c.failed) || !strings.Contains(err.Error(), "advertised.listeners") ||
				strings.Contains(err.Error(), cluster.ListenAddrs()[0]) {
				t.Errorf("%v", err)
			}
			if n := strings.Count(err.Error(), "no broker answers"); n != 1 && c.coordinator == 0 {
				t.Errorf("%d errors: %v", n, err)
			}
		})
	}
}

// TestConsumer_namesTheAddressThatFailed: the broker of the configuration answers, so
// no error may blame it.
func TestConsumer_namesTheAddressThatFailed(t *testing.T) {
	nobody := unreachable(t)
	for name, c := range map[string]struct {
		coordinator int32
		message     string
	}{
		"coordinator": {1, "group join failed, retrying"},
		"leader":      {0, "log range lookup failed, retrying"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := advertised(t, "events", c.coordinator, func(real string) [2]string { return [2]string{real, nobody} })
			text, _ := runUntilLogged(t, settings(cluster.ListenAddrs(), "events"), c.message)["error"].(string)
			if !strings.Contains(text, nobody) || strings.Contains(text, cluster.ListenAddrs()[0]) {
				t.Errorf("the error says %q", text)
			}
		})
	}
	t.Run("fetch", func(t *testing.T) {
		cluster := advertised(t, "events", 0, func(real string) [2]string { return [2]string{real, nobody} })
		core, logs := observer.New(zap.InfoLevel)
		reading, err := consumer.New(settings(cluster.ListenAddrs(), "events"), zap.New(core), consumer.Hooks{})
		if err != nil {
			t.Fatal(err)
		}
		defer reading.Close()
		ctx, cancel := contextWithCancel(t)
		defer cancel()
		r := reading.NewReader("events", 1, 0)
		defer r.Close()
		done := make(chan error, 1)
		go func() { _, err := r.Next(ctx); done <- err }()
		waitFor(t, func() bool { return logs.FilterMessage("fetch failed, retrying").Len() > 0 })
		cancel()
		_ = await(t, done)
		if text, _ := logs.FilterMessage("fetch failed, retrying").All()[0].ContextMap()["error"].(string); !strings.Contains(text, "broker "+nobody) {
			t.Errorf("the error says %q", text)
		}
	})
}

// TestConsumer_Check_resetByConfiguredBroker: the error has the number of an address that
// the configuration names. The cluster has advertised nothing.
func TestConsumer_Check_resetByConfiguredBroker(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4))
			_ = conn.(*net.TCPConn).SetLinger(0) // Close sends a reset
			_ = conn.Close()
		}
	}()
	defer func() { _ = listener.Close(); <-done }()
	address := listener.Addr().String()
	checked := newConsumer(t, settings([]string{strings.Replace(address, "127.0.0.1", "localhost", 1)}, "events"), consumer.Hooks{})
	err = checked.Check(testContext(t))
	if !errors.Is(err, consumer.ErrUnreachable) || !strings.Contains(err.Error(), address+": check kafka.brokers") ||
		strings.Contains(err.Error(), "advertise") {
		t.Errorf("%v", err)
	}
}
