package kafka

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/pianola/pianola/internal/sandbox/filelock"
)

// MaxMessageBytes is the maximum size of a record batch. It is well above the contract's
// limit of 1 MiB, so that messages above the limit reach the pipeline.
const MaxMessageBytes = 8 << 20

// Broker is a running broker. Its methods are safe for concurrent use.
type Broker struct {
	cluster    *kfake.Cluster
	addr       string // advertised address
	listenAddr string
	lock       *os.File // of the data directory; nil without one
}

// Start starts the broker and creates missing topics. An existing topic keeps its data.
// If it has another number of partitions, Start returns an error, because keys would
// move. The caller closes the broker.
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
		_ = lock.Close()
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("start kafka: port %d on 127.0.0.1 is in use; stop the other process, or select another port with --kafka 127.0.0.1:PORT", port)
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

// lockDir creates the directory and excludes other processes from it, because two brokers
// would corrupt the log.
func lockDir(dir string) (*os.File, error) {
	if dir == "" {
		return nil, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create kafka data directory: %w", err)
	}
	// Beside the directory, because kfake owns its content.
	lock, err := filelock.Take(filepath.Clean(dir) + ".lock")
	if err != nil {
		return nil, fmt.Errorf("kafka data directory: %w; stop another sandbox that uses it, or select another directory with --data DIR", err)
	}
	return lock, nil
}

func options(cfg Config, port int) []kfake.Opt {
	opts := []kfake.Opt{
		kfake.Ports(port),
		kfake.ClusterID("pianola-sandbox"),
		// Kafka's default is 6 s. Tests that kill consumers wait for the session
		// timeout many times.
		kfake.GroupMinSessionTimeout(500 * time.Millisecond),
		kfake.BrokerConfigs(map[string]string{
			"message.max.bytes": fmt.Sprint(MaxMessageBytes),
			// The simulated year is in the past. With the default of seven days,
			// the first retention check would delete it.
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
			return fmt.Errorf("topic %q has %d partitions in %s, want %d; select another directory with --data DIR", topic, have, cfg.DataDir, want)
		}
	}
	return nil
}

// Addr returns the address for clients: the advertised address if there is one.
func (b *Broker) Addr() string { return b.addr }

// ListenAddr returns the address of the broker itself, for an advertised proxy.
func (b *Broker) ListenAddr() string { return b.listenAddr }

// EndOffset returns the offset of the partition's next record, or 0 if the partition
// does not exist.
func (b *Broker) EndOffset(topic string, partition int32) int64 {
	info := b.cluster.PartitionInfo(topic, partition)
	if info == nil {
		return 0
	}
	return info.HighWatermark
}

// Cluster returns kfake, for tests that inject faults with its hooks.
func (b *Broker) Cluster() *kfake.Cluster { return b.cluster }

// Close closes all connections and writes pending data to the data directory. After that
// the directory can be opened again. A second Close has no effect.
func (b *Broker) Close() {
	b.cluster.Close()
	_ = b.lock.Close() // after an error it is not held either
}

func sortedKeys(topics map[string]int) []string {
	return slices.Sorted(maps.Keys(topics))
}
