package kafka

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// MaxMessageBytes is the largest record batch the broker takes. It is well over
// the contract's 1 MiB a message, so that messages that are too large reach the
// pipeline, which has to judge them.
const MaxMessageBytes = 8 << 20

// Broker is a running broker. Its methods are safe for concurrent use.
type Broker struct {
	cluster *kfake.Cluster
	addr    string // what clients are told
	behind  string // where it listens
	lock    *dirLock
}

// Start opens the broker and makes the topics that are missing. A topic that
// exists keeps its data; when it has another number of partitions than asked
// for, Start refuses, because keys would move. The caller closes the broker.
func Start(cfg Config) (*Broker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	port, _ := cfg.port()
	lock, err := lockDir(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	b := &Broker{lock: lock}
	b.cluster, err = kfake.NewCluster(append(options(cfg, port), kfake.ListenFn(b.listener(cfg.Advertise)))...)
	if err != nil {
		lock.release()
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("start kafka: port %d on 127.0.0.1 is in use; stop what uses it, or choose another with --kafka 127.0.0.1:PORT", port)
		}
		return nil, fmt.Errorf("start kafka: %w", err)
	}
	b.addr = b.cluster.ListenAddrs()[0]
	if err := b.makeTopics(cfg); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func options(cfg Config, port int) []kfake.Opt {
	opts := []kfake.Opt{
		kfake.Ports(port),
		kfake.ClusterID("pianola-sandbox"),
		// Kafka's own default is 6 s. Tests that kill consumers wait for sessions
		// to end, again and again.
		kfake.GroupMinSessionTimeout(500 * time.Millisecond),
		kfake.BrokerConfigs(map[string]string{
			"message.max.bytes": fmt.Sprint(MaxMessageBytes),
			// A simulated year lies in the past: by the default of seven days all
			// of it would be gone at the first retention check.
			"log.retention.ms": "-1",
		}),
	}
	opts = append(opts, secured(cfg)...)
	if cfg.DataDir != "" {
		opts = append(opts, kfake.DataDir(cfg.DataDir))
	}
	return opts
}

func (b *Broker) makeTopics(cfg Config) error {
	for _, topic := range sortedKeys(cfg.Topics) {
		want := cfg.Topics[topic]
		switch have := len(b.cluster.PartitionInfos(topic)); have {
		case want:
		case 0:
			if err := b.cluster.CreateTopic(topic, int32(want), nil); err != nil {
				return fmt.Errorf("create topic %q: %w", topic, err)
			}
		default:
			return fmt.Errorf("topic %q has %d partitions in %s and %d are asked for; choose another directory with --data DIR", topic, have, cfg.DataDir, want)
		}
	}
	return nil
}

// Addr is where clients connect: host:port, the advertised one where there is one.
func (b *Broker) Addr() string { return b.addr }

// ListenAddr is where the broker itself listens, for the proxy that is advertised.
func (b *Broker) ListenAddr() string { return b.behind }

// EndOffset is the offset that the partition's next record will get; 0 for a
// partition that does not exist.
func (b *Broker) EndOffset(topic string, partition int32) int64 {
	info := b.cluster.PartitionInfo(topic, partition)
	if info == nil {
		return 0
	}
	return info.HighWatermark
}

// Cluster is kfake itself, for tests that put in faults through its hooks.
func (b *Broker) Cluster() *kfake.Cluster { return b.cluster }

// Close ends all connections and writes what is still in memory to the data
// directory, which may then be opened again. Closing twice is harmless.
func (b *Broker) Close() {
	b.cluster.Close()
	b.lock.release()
}

func sortedKeys(topics map[string]int) []string {
	return slices.Sorted(maps.Keys(topics))
}
