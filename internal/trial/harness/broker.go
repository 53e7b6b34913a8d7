package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/apachekafka"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/loopback"
	"github.com/pianola/pianola/internal/trial/tcpproxy"
)

// Kafka says which broker an environment has.
type Kafka string

// The two brokers.
const (
	Embedded Kafka = "embedded" // kfake, in this process
	Apache   Kafka = "apache"   // Apache Kafka, which needs Java and Maven
)

// Broker is a running Kafka.
type Broker struct {
	Addr  string
	Proxy *tcpproxy.Proxy // between the processes and the broker; nil: none

	Apache *apachekafka.Broker // nil for kfake
	// Compact cleans all compacted topics at once. nil where the broker does so by itself.
	Compact func()
	// Access are options with which the harness's own clients reach the broker. nil: past
	// the proxy. Faults are for the processes, not for the instruments.
	Access []kgo.Opt

	Stop func() error
}

func (b *Broker) access() []kgo.Opt {
	if b.Access != nil {
		return b.Access
	}
	return []kgo.Opt{kgo.Dialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		if b.Proxy != nil && addr == b.Addr {
			addr = b.Proxy.Server()
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	})}
}

func startBroker(ctx context.Context, kind Kafka, dir string) (*Broker, error) {
	switch kind {
	case Embedded:
		return startEmbedded(dir)
	case Apache:
		return startApache(ctx, dir)
	default:
		return nil, fmt.Errorf("no such kafka: %q", kind)
	}
}

// startEmbedded starts kfake, which advertises the proxy's address.
func startEmbedded(dir string) (*Broker, error) {
	front, err := loopback.FreeAddr()
	if err != nil {
		return nil, err
	}
	b, err := kafka.Start(kafka.Config{Addr: "127.0.0.1:0", Advertise: front, DataDir: filepath.Join(dir, "kafka")})
	if err != nil {
		return nil, err
	}
	p, err := tcpproxy.New("kafka", front, b.ListenAddr())
	if err != nil {
		b.Close()
		return nil, err
	}
	return &Broker{Addr: front, Proxy: p, Compact: b.Cluster().Compact, Stop: func() error {
		p.Close()
		b.Close()
		return nil
	}}, nil
}

// startApache starts a broker that advertises the proxy's address.
func startApache(ctx context.Context, dir string) (*Broker, error) {
	front, err := loopback.FreeAddr()
	if err != nil {
		return nil, err
	}
	b, err := apachekafka.Start(ctx, apachekafka.Config{
		DataDir: dir,
		Properties: map[string]string{
			"advertised.listeners": "PLAINTEXT://" + front,
			"log.retention.ms":     "-1", // the simulated year lies in the past
			"message.max.bytes":    fmt.Sprint(kafka.MaxMessageBytes),
			// For the same reason the broker would forget its idempotent producers.
			"producer.id.expiration.check.interval.ms": "2147483647",
			// A broker that was killed and started again is refused until the controller,
			// which is the same process, has given up the earlier one: after 9 s by default.
			"broker.session.timeout.ms":    "3000",
			"broker.heartbeat.interval.ms": "500",
			// Trials of a minute must see compaction.
			"log.cleaner.backoff.ms":         "100",
			"log.cleaner.dedupe.buffer.size": "4194304",
		},
	})
	if err != nil {
		return nil, err
	}
	p, err := tcpproxy.New("kafka", front, b.Brokers()[0])
	if err != nil {
		return nil, errors.Join(err, b.Stop())
	}
	return &Broker{Addr: front, Proxy: p, Apache: b, Stop: func() error {
		p.Close()
		return b.Stop()
	}}, nil
}
