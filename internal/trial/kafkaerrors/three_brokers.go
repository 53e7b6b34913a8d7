package kafkaerrors

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/trial/harness"
)

// threeBrokers is a kfake of three brokers. kfake itself answers with errors, and a
// corruption changes good answers on their way out.
type threeBrokers struct {
	cluster    *kfake.Cluster
	corruption atomic.Pointer[corruption] // the present one; nil: none
}

// start is the environment with three brokers in place of its one.
func (b *threeBrokers) start(_ context.Context, e *harness.Env) (*harness.Env, error) {
	var err error
	b.cluster, err = kfake.NewCluster(
		kfake.NumBrokers(3),
		kfake.GroupMinSessionTimeout(500*time.Millisecond),
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": fmt.Sprint(kafka.MaxMessageBytes)}),
		kfake.ListenFn(func(network, address string) (net.Listener, error) {
			l, err := net.Listen(network, address)
			if err != nil {
				return nil, err
			}
			return corruptedListener{l, &b.corruption}, nil
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("start three brokers: %w", err)
	}
	return e.WithBroker(&harness.Broker{Addr: b.cluster.ListenAddrs()[0], Stop: func() error { b.cluster.Close(); return nil }})
}

// andRejoin makes the group rejoin so many times, where the faults of a request are met only
// then. It returns what undoes both.
func (s *scenario) andRejoin(key kmsg.Key, times int, undo func()) func() {
	if !joinRequests[key] {
		return undo
	}
	rejoin := s.brokers.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Group: s.Config.Kafka.Group, Err: kerr.RebalanceInProgress, Count: times})
	return func() { undo(); rejoin.Remove() }
}
