package trial

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
	"github.com/pianola/pianola/internal/trial/line"
)

// Kafka says which broker a stage has.
type Kafka string

// The two brokers.
const (
	Embedded Kafka = "embedded" // kfake, in this process
	Apache   Kafka = "apache"   // Apache Kafka, which needs Java and Maven
)

// broker is a running Kafka.
type broker struct {
	addr string
	line *line.Line // between the consumers and the broker
	stop func() error

	apache *apachekafka.Broker // nil for kfake
	three  *threeBrokers       // nil but for the trial that wants them
	// compact cleans all compacted topics at once; nil where that comes by itself.
	compact func()
}

// direct is how the trial's own clients come to the broker: past the line. They are
// its instruments, and a publisher that cannot speak tries nothing.
func (b *broker) direct() kgo.Opt {
	return kgo.Dialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		if b.line != nil && addr == b.addr {
			addr = b.line.Server()
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	})
}

func startBroker(ctx context.Context, kind Kafka, dir string) (*broker, error) {
	switch kind {
	case Embedded:
		return startEmbedded(dir)
	case Apache:
		return startApache(ctx, dir)
	default:
		return nil, fmt.Errorf("no such kafka: %q", kind)
	}
}

// startEmbedded starts kfake, which tells its clients to come over a line.
func startEmbedded(dir string) (*broker, error) {
	front, err := loopback.FreeAddr()
	if err != nil {
		return nil, err
	}
	b, err := kafka.Start(kafka.Config{Addr: "127.0.0.1:0", Advertise: front, DataDir: filepath.Join(dir, "kafka")})
	if err != nil {
		return nil, err
	}
	l, err := line.New("kafka", front, b.ListenAddr())
	if err != nil {
		b.Close()
		return nil, err
	}
	return &broker{addr: front, line: l, compact: b.Cluster().Compact, stop: func() error {
		l.Close()
		b.Close()
		return nil
	}}, nil
}

// startApache starts a broker that tells its clients to come over a line.
func startApache(ctx context.Context, dir string) (*broker, error) {
	front, err := loopback.FreeAddr()
	if err != nil {
		return nil, err
	}
	b, err := apachekafka.Start(ctx, apachekafka.Config{
		DataDir: dir,
		Properties: map[string]string{
			"advertised.listeners": "PLAINTEXT://" + front,
			"log.retention.ms":     "-1", // a simulated year lies in the past
			"message.max.bytes":    fmt.Sprint(kafka.MaxMessageBytes),
			// For the same reason it would forget its idempotent producers.
			"producer.id.expiration.check.interval.ms": "2147483647",
			// One that is killed and comes back is refused until the controller,
			// which is the same process, has given its predecessor up: by default
			// after 9 s.
			"broker.session.timeout.ms":    "3000",
			"broker.heartbeat.interval.ms": "500",
			// Compaction is to be met by trials that last a minute.
			"log.cleaner.backoff.ms":         "100",
			"log.cleaner.dedupe.buffer.size": "4194304",
		},
	})
	if err != nil {
		return nil, err
	}
	l, err := line.New("kafka", front, b.Brokers()[0])
	if err != nil {
		return nil, errors.Join(err, b.Stop())
	}
	return &broker{addr: front, line: l, apache: b, stop: func() error {
		l.Close()
		return b.Stop()
	}}, nil
}
