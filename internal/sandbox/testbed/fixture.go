package testbed

import (
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/world"
)

// Partitions is how many the topic of every fixture has.
const Partitions = 3

// Config is what a test asks of its fixture.
type Config struct {
	Protocol    string        // to ClickHouse: native or http
	Seed        uint64        // of the world
	Subscribers int           // of the world; 0: no world, the test writes its own messages
	End         time.Time     // of the world's year; zero: that of world.Defaults
	State       bool          // with the views that compute the state and the metrics, for RefreshState
	Kafka       *kafka.Broker // the test's own; nil: the shared one
}

// Fixture is what one test has: topic, group and database bear one name. It is used
// by the goroutine of its test.
type Fixture struct {
	testing.TB
	Services *sandbox.Services
	World    *world.World  // nil without subscribers
	Topic    string        // and group, and database
	Settings config.Config // of the Pianola under test; a test changes them as it likes
	Analyst  driver.Conn   // connected to the database, over the native protocol
	Client   *kgo.Client
	Admin    *kadm.Client
}

// Fixture makes the world, the topic and the tables.
func (s *Servers) Fixture(t testing.TB, c Config) *Fixture {
	t.Helper()
	name := s.Name()
	st := &Fixture{TB: t, Topic: name, Services: &sandbox.Services{Kafka: c.Kafka, ClickHouse: s.ClickHouse, Password: s.Password}}
	if c.Kafka == nil {
		st.Services.Kafka = s.Kafka
	}
	var err error
	if c.Subscribers > 0 {
		w := world.Defaults()
		w.Seed, w.Subscribers, w.Topic, w.Partitions = c.Seed, c.Subscribers, name, Partitions
		if !c.End.IsZero() {
			w.EndAt(c.End)
		}
		st.World, err = world.New(w)
		st.Must(err)
	}
	st.Settings = st.Services.Configure(c.Protocol, name, name, st.World)
	st.Settings.Kafka.Group = name
	st.Settings.Kafka.FetchMaxWait = 50 * time.Millisecond
	st.Settings.Batch.MaxWait = 20 * time.Millisecond
	st.Analyst, err = st.Services.Analyst(name)
	st.Must(err)
	t.Cleanup(func() { _ = st.Analyst.Close() }) // it has only asked
	st.migrate(c.State)
	st.Client, err = kgo.NewClient(kgo.SeedBrokers(st.Services.Kafka.Addr()))
	st.Must(err)
	t.Cleanup(st.Client.Close)
	st.Admin = kadm.NewClient(st.Client)
	st.CreateTopic()
	return st
}

// In is the fixture for a subtest.
func (s *Fixture) In(t testing.TB) *Fixture {
	sub := *s
	sub.TB = t
	return &sub
}

// Must ends the test at an error.
func (s *Fixture) Must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}
