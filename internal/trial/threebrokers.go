package trial

import (
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/trial/spoil"
)

// threeBrokers is a kfake whose every answer can be another one: kfake itself
// answers with errors, and the spoiler is for what happens to good answers on their
// way out.
type threeBrokers struct {
	cluster *kfake.Cluster
	spoiler *spoil.Spoiler
}

// apart is the stage with three brokers of its own instead of the one that it has.
// The caller calls the function when it is done with them.
func (s *Stage) apart() (*Stage, func(), error) {
	b := &threeBrokers{spoiler: &spoil.Spoiler{}}
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
			return b.spoiler.Listener(l), nil
		}),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("start three brokers: %w", err)
	}
	own := *s
	own.broker = &broker{addr: b.cluster.ListenAddrs()[0], three: b}
	if own.client, err = kgo.NewClient(kgo.SeedBrokers(own.broker.addr)); err != nil {
		b.cluster.Close()
		return nil, nil, fmt.Errorf("make a kafka client: %w", err)
	}
	own.admin = kadm.NewClient(own.client)
	return &own, func() {
		own.client.Close()
		b.cluster.Close()
		s.rounds = own.rounds
	}, nil
}
