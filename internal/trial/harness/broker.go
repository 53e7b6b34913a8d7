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

// startBroker starts a broker that advertises the proxy's address.
func startBroker(ctx context.Context, kind Kafka, dir string) (*Broker, error) {
	front, err := loopback.FreeAddr()
	if err != nil {
		return nil, err
	}
	started := &Broker{Addr: front}
	var behind string
	var stop func() error
	if kind == Apache {
		started.Apache, err = apachekafka.Start(ctx, apachekafka.Config{DataDir: dir, Properties: apacheProperties(front)})
		if err != nil {
			return nil, err
		}
		behind, stop = started.Apache.Brokers()[0], started.Apache.Stop
	} else {
		b, err := kafka.Start(kafka.Config{Addr: "127.0.0.1:0", Advertise: front, DataDir: filepath.Join(dir, "kafka")})
		if err != nil {
			return nil, err
		}
		started.Compact = b.Cluster().Compact
		behind, stop = b.ListenAddr(), func() error { b.Close(); return nil }
	}
	return started, started.Front(front, behind, stop)
}

// Front puts a proxy at an address before the broker's own. stop is called where that
// fails; otherwise Stop ends both.
func (b *Broker) Front(addr, own string, stop func() error) (err error) {
	if b.Proxy, err = tcpproxy.New("kafka", addr, own); err != nil {
		return errors.Join(err, stop())
	}
	b.Stop = func() error {
		b.Proxy.Close()
		return stop()
	}
	return nil
}

func apacheProperties(front string) map[string]string {
	return map[string]string{
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
	}
}
