package service_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/service"
)

// services are shared: a process can hold one engine. Every test has a database
// and a broker of its own, since some of them take the broker away.
var services *sandbox.Services

func TestMain(m *testing.M) {
	var err error
	if services, err = sandbox.Start(context.Background(), sandbox.Loopback(nil)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	services.Close()
	os.Exit(code)
}

const (
	topic      = "piano.subscriber-events"
	partitions = 3
	patience   = 2 * time.Minute
)

var stages atomic.Int32

// stage is a world, a broker that can go and come back, a database, and a line
// to ClickHouse that can be cut.
type stage struct {
	t        *testing.T
	world    *world.World
	messages []world.Message
	cfg      config.Config
	broker   *kafka.Broker
	at       kafka.Config
	line     *toxiproxy.Proxy
	analyst  driver.Conn
}

func newStage(t *testing.T, protocol string) *stage {
	t.Helper()
	name := fmt.Sprintf("service_%d", stages.Add(1))
	c := world.Defaults()
	c.Seed, c.Subscribers, c.Topic, c.Partitions = uint64(stages.Load()), 800, topic, partitions
	w, err := world.New(c)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, world: w, at: kafka.Config{Addr: "127.0.0.1:0", DataDir: t.TempDir(), Topics: map[string]int{topic: partitions}}}
	for m := range w.Messages() {
		s.messages = append(s.messages, m)
	}
	s.kafkaComes()
	s.at.Addr = s.broker.Addr()
	t.Cleanup(func() { s.broker.Close() })

	s.cfg = services.Configure(protocol, topic, name, w)
	if err := sandbox.Migrate(t.Context(), s.cfg, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	if s.analyst, err = services.Analyst(name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.analyst.Close() })

	s.line = toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), name, "127.0.0.1:0", s.cfg.ClickHouse.Addr[0])
	s.clickHouseComes()
	t.Cleanup(s.line.Stop)

	s.cfg.Kafka.Brokers = []string{s.broker.Addr()}
	s.cfg.Kafka.FetchMaxWait, s.cfg.Kafka.FetchMaxBytes = 50*time.Millisecond, 16<<10
	s.cfg.Kafka.RequestTimeout, s.cfg.Kafka.HeartbeatInterval = 2*time.Second, 100*time.Millisecond
	s.cfg.Kafka.SessionTimeout, s.cfg.Kafka.MetadataInterval = 3*time.Second, 200*time.Millisecond
	s.cfg.ClickHouse.Addr = []string{s.line.Listen}
	s.cfg.ClickHouse.InsertTimeout, s.cfg.ClickHouse.DialTimeout = time.Second, time.Second
	s.cfg.ClickHouse.Retry = config.Retry{Initial: 10 * time.Millisecond, Max: 100 * time.Millisecond}
	s.cfg.Batch.MaxRows, s.cfg.Batch.MaxWait = 300, 20*time.Millisecond
	return s
}

func (s *stage) kafkaComes() {
	s.t.Helper()
	var err error
	if s.broker, err = kafka.Start(s.at); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) clickHouseComes() {
	s.t.Helper()
	if err := s.line.Start(); err != nil {
		s.t.Fatal(err)
	}
}

// answersGetLost has ClickHouse do what it is told, and nobody hear of it.
func (s *stage) answersGetLost() {
	s.t.Helper()
	if _, err := s.line.Toxics.AddToxicJson(strings.NewReader(`{"name":"silence","type":"timeout","stream":"downstream"}`)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) answersComeBack() {
	s.t.Helper()
	if err := s.line.Toxics.RemoveToxic(s.t.Context(), "silence"); err != nil {
		s.t.Fatal(err)
	}
}

// tell sends the next messages of the world, up to a share of them, in batches
// that are small beside a fetch.
func (s *stage) tell(share float64) {
	s.t.Helper()
	producer, err := kafka.NewProducer(s.broker.Addr())
	if err != nil {
		s.t.Fatal(err)
	}
	defer producer.Close()
	first := 0
	for p := range int32(partitions) {
		first += int(s.broker.EndOffset(topic, p))
	}
	for i, m := range s.messages[first:int(share*float64(len(s.messages)))] {
		err := producer.Send(s.t.Context(), kafka.Record{Topic: topic, Partition: m.Partition, Key: m.Key, Value: m.Value, Time: m.Time})
		if err == nil && i%60 == 0 {
			err = producer.Flush(s.t.Context())
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	if err := producer.Flush(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// instance is a running service.
type instance struct {
	t        *testing.T
	addr     string
	registry *prometheus.Registry
	stop     context.CancelFunc
	done     chan error
}

func (s *stage) start() *instance {
	s.t.Helper()
	log := zap.NewNop()
	if os.Getenv("PIANOLA_TEST_LOG") != "" {
		log, _ = zap.NewDevelopment()
	}
	i := &instance{t: s.t, registry: prometheus.NewRegistry(), done: make(chan error, 1)}
	one, err := service.New(s.t.Context(), s.cfg, service.Options{Log: log, Registry: i.registry, Now: time.Now})
	if err != nil {
		s.t.Fatal(err)
	}
	i.addr = one.Addr()
	var ctx context.Context
	ctx, i.stop = context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer one.Close()
		i.done <- one.Run(ctx)
	}()
	s.t.Cleanup(func() { i.stop(); <-ended })
	return i
}

// drain stops the instance and wants a clean end.
func (i *instance) drain() {
	i.t.Helper()
	i.stop()
	if err := i.ended(); err != nil {
		i.t.Fatalf("drain: %v", err)
	}
}

// ended waits for what Run returns.
func (i *instance) ended() error {
	i.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-i.done:
		return err
	case <-timer.C:
		i.t.Fatal("the service has not ended")
		return nil
	}
}

// page gets one of the pages: whether its status is 200, and its text.
func (i *instance) page(name string) (bool, string) {
	i.t.Helper()
	request, err := http.NewRequestWithContext(i.t.Context(), http.MethodGet, "http://"+i.addr+name, nil)
	if err != nil {
		i.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		i.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		i.t.Fatal(err)
	}
	return response.StatusCode == http.StatusOK, string(text)
}

// metric sums a metric over its labels.
func (i *instance) metric(name string) (sum float64) {
	i.t.Helper()
	families, err := i.registry.Gather()
	if err != nil {
		i.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// until waits for something that becomes true while the instance runs.
func (i *instance) until(what string, holds func() bool) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case err := <-i.done:
			i.t.Fatalf("%s: the service has ended: %v", what, err)
		case <-ctx.Done():
			_, ready := i.page("/readyz")
			i.t.Fatalf("%s: not within %v\n%s", what, patience, ready)
		}
	}
}

// untilIngested waits until the ledger has come to the end of the topic.
func (s *stage) untilIngested(i *instance) {
	s.t.Helper()
	there := &sandbox.Services{Kafka: s.broker}
	i.until("everything ingested", func() bool {
		a, err := sandbox.ReadAccount(s.t.Context(), s.analyst, topic)
		if err != nil {
			s.t.Fatal(err)
		}
		return a.Covers(there, topic, partitions)
	})
}

// wantTruth holds the tables, the ledger among them, against the world.
func (s *stage) wantTruth() {
	s.t.Helper()
	report, err := s.world.Truth().Compare(s.t.Context(), s.analyst)
	if err != nil {
		s.t.Fatal(err)
	}
	if !report.Equal() {
		s.t.Fatalf("seed %d: the views do not equal the truth\n%s", s.world.Config().Seed, report.String())
	}
}

// withLogin is a broker that wants a login.
func withLogin(t *testing.T) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic), kfake.EnableSASL(), kfake.Superuser("PLAIN", "pianola", "right"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}
