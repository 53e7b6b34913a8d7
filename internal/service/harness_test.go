package service_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/world"
)

var services testbed.Servers

func TestMain(m *testing.M) { os.Exit(services.Run(m)) }

// seeds gives each test another world.
var seeds atomic.Uint64

// fixture is a testbed.Fixture with a broker of its own that can go and come back, and a
// line to ClickHouse that can be cut.
type fixture struct {
	*testbed.Fixture
	messages []world.Message
	at       kafka.Config
	line     *toxiproxy.Proxy
}

func newFixture(t *testing.T, protocol string) *fixture {
	t.Helper()
	return newFixtureWith(t, testbed.Config{Protocol: protocol})
}

// newFixtureWith fills in the configuration's world and broker.
func newFixtureWith(t *testing.T, c testbed.Config) *fixture {
	t.Helper()
	at := kafka.Config{Addr: "127.0.0.1:0", DataDir: t.TempDir()}
	broker, err := kafka.Start(at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	at.Addr = broker.Addr()
	c.Seed, c.Subscribers, c.Kafka = seeds.Add(1), 800, broker
	s := &fixture{at: at, Fixture: services.Fixture(t, c)}
	for m := range s.World.Messages() {
		s.messages = append(s.messages, m)
	}
	s.line = toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), s.Topic, "127.0.0.1:0", s.Settings.ClickHouse.Addr[0])
	s.clickHouseComes()
	t.Cleanup(s.line.Stop)

	s.Settings.Kafka.FetchMaxBytes = 16 << 10
	s.Settings.Kafka.RequestTimeout, s.Settings.Kafka.HeartbeatInterval = 2*time.Second, 100*time.Millisecond
	s.Settings.Kafka.SessionTimeout, s.Settings.Kafka.MetadataInterval = 3*time.Second, 200*time.Millisecond
	s.Settings.ClickHouse.Addr = []string{s.line.Listen}
	s.Settings.ClickHouse.InsertTimeout, s.Settings.ClickHouse.DialTimeout = time.Second, time.Second
	s.Settings.ClickHouse.Retry = config.Retry{Initial: 10 * time.Millisecond, Max: 100 * time.Millisecond}
	s.Settings.Batch.MaxRows = 300
	return s
}

// kafkaComes has the broker back where it was, with what it had.
func (s *fixture) kafkaComes() {
	s.Helper()
	broker, err := kafka.Start(s.at)
	s.Must(err)
	s.Cleanup(broker.Close)
	s.Services.Kafka = broker
}

func (s *fixture) clickHouseComes() {
	s.Helper()
	s.Must(s.line.Start())
}

// answersGetLost drops the answers of ClickHouse, which still executes requests.
func (s *fixture) answersGetLost() {
	s.Helper()
	_, err := s.line.Toxics.AddToxicJson(strings.NewReader(`{"name":"silence","type":"timeout","stream":"downstream"}`))
	s.Must(err)
}

func (s *fixture) answersComeBack() {
	s.Helper()
	s.Must(s.line.Toxics.RemoveToxic(s.Context(), "silence"))
}

// tell sends the next messages of the world, up to a share of them, in batches
// that are small beside a fetch.
func (s *fixture) tell(share float64) {
	s.Helper()
	producer, err := kafka.NewProducer(s.Services.Kafka.Addr())
	s.Must(err)
	defer producer.Close()
	first := 0
	for p := range int32(testbed.Partitions) {
		first += int(s.Services.Kafka.EndOffset(s.Topic, p))
	}
	for i, m := range s.messages[first:int(share*float64(len(s.messages)))] {
		err := producer.Send(s.Context(), kafka.Record{Topic: s.Topic, Partition: m.Partition, Key: m.Key, Value: m.Value, Time: m.Time})
		if err == nil && i%60 == 0 {
			err = producer.Flush(s.Context())
		}
		s.Must(err)
	}
	s.Must(producer.Flush(s.Context()))
}

// instance is a running service.
type instance struct {
	*testbed.Service
	fixture *fixture
}

func (s *fixture) start() *instance {
	s.Helper()
	i := &instance{s.Serve(), s}
	s.Cleanup(func() {
		if s.Failed() && i.Ended() == nil {
			_, text, err := i.get(context.WithoutCancel(s.Context()), "/readyz")
			s.Log(text, err)
		}
	})
	return i
}

// page gets one of the pages: whether its status is 200, and its text.
func (i *instance) page(name string) (bool, string) {
	i.fixture.Helper()
	ok, text, err := i.get(i.fixture.Context(), name)
	i.fixture.Must(err)
	return ok, text
}

func (i *instance) get(ctx context.Context, name string) (ok bool, text string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+i.Addr+name, nil)
	if err != nil {
		return false, "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, "", err
	}
	defer response.Body.Close()
	all, err := io.ReadAll(response.Body)
	return response.StatusCode == http.StatusOK, string(all), err
}

// until waits for something that becomes true while the instance runs.
func (i *instance) until(what string, holds func() bool) {
	i.fixture.Helper()
	i.fixture.Eventually(what, holds, i.Run)
}

// untilReady waits until the instance says that it is.
func (i *instance) untilReady() {
	i.fixture.Helper()
	i.until("ready", func() bool { ready, _ := i.page("/readyz"); return ready })
}

// withLogin is a broker that wants a login.
func withLogin(t *testing.T) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "pianola", "right"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}
