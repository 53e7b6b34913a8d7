package service_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
)

// TestService_StartsBeforeItsServers waits for each server and names it.
func TestService_StartsBeforeItsServers(t *testing.T) {
	tier.Full(t, "waits for servers")
	t.Parallel()
	s := newFixture(t, "native")
	s.tell(1)
	s.Services.Kafka.Close()
	s.line.Stop()
	i := s.start()
	waitsFor := func(what string) {
		t.Helper()
		if alive, text := i.page("/livez"); !alive {
			t.Errorf("not alive while it waits: %s", text)
		}
		ready, text := i.page("/readyz")
		if ready || !strings.Contains(text, what) {
			t.Errorf("ready %v, want it to wait for %s: %s", ready, what, text)
		}
	}
	waitsFor("clickhouse")
	s.clickHouseComes()
	i.until("ClickHouse is seen", func() bool { _, text := i.page("/readyz"); return !strings.Contains(text, s.line.Listen) })
	waitsFor("Kafka does not answer")
	s.kafkaComes()
	i.untilReady()
	s.AwaitIngested(i.Run)
	i.Drain()
	s.WantTruth()
}

// TestService_PermanentErrorsAtStart ends the service immediately with a hint.
func TestService_PermanentErrorsAtStart(t *testing.T) {
	for name, c := range map[string]struct {
		setUp func(*fixture)
		want  []string
	}{
		"a missing topic": {
			func(s *fixture) { s.Settings.Kafka.Topics = []string{"nobody.made.this"} },
			[]string{"nobody.made.this", "create it, or correct kafka.topics"},
		},
		"a refused login to ClickHouse": {
			func(s *fixture) { s.Settings.ClickHouse.User = "nobody" },
			[]string{"check clickhouse.user"},
		},
		"a refused login to Kafka": {
			func(s *fixture) {
				s.Settings.Kafka.Brokers = withLogin(t).ListenAddrs()
				s.Settings.Kafka.SASL = config.SASL{Mechanism: "plain", User: "pianola", Password: "wrong"}
			},
			[]string{"check kafka.sasl"},
		},
		"a missing database": {
			func(s *fixture) { s.Settings.ClickHouse.Database = "nobody_made_this" },
			[]string{"pianola migrate", "clickhouse.database"},
		},
		"an older schema": {
			func(s *fixture) { s.Exec("TRUNCATE TABLE schema_migrations") },
			[]string{"older", "run pianola migrate"},
		},
		"a newer schema": {
			func(s *fixture) {
				s.Exec(fmt.Sprintf("INSERT INTO schema_migrations (version) SELECT %d", schemas.LatestVersion()+1))
			},
			[]string{"newer", "upgrade pianola"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t, "native")
			c.setUp(s)
			err := s.start().Wait()
			if err == nil {
				t.Fatal("the service ended without an error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q is more than a sentence", err)
			}
		})
	}
}

// TestService_ClickHouseOutageDuringSchemaCheck: a connection that is lost
// between the first answer and the look at the schema is an outage like any
// other.
func TestService_ClickHouseOutageDuringSchemaCheck(t *testing.T) {
	s := newFixture(t, "native")
	// The first connection is the ping's. The following are the schema check's, whose pool tries several.
	s.Settings.ClickHouse.Addr = []string{hangsUpOn(t, s.Settings.ClickHouse.Addr[0], 2, 6)}
	i := s.start()
	i.untilReady()
	i.Drain()
}

// hangsUpOn forwards connections to an address, but for some of the first.
func hangsUpOn(t *testing.T, to string, first, last int) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); all.Wait() })
	all.Go(func() {
		for count := 1; ; count++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if count >= first && count <= last {
				_ = conn.Close()
				continue
			}
			all.Go(func() { forward(conn, to) })
		}
	})
	return listener.Addr().String()
}

func forward(conn net.Conn, to string) {
	defer conn.Close()
	other, err := new(net.Dialer).DialContext(context.Background(), "tcp", to)
	if err != nil {
		return
	}
	defer other.Close()
	var back sync.WaitGroup
	back.Go(func() { _, _ = io.Copy(conn, other); _ = conn.Close() })
	_, _ = io.Copy(other, conn)
	_ = other.Close()
	back.Wait()
}

// addPartition makes the topic one larger, which ends the group's generation.
func (s *fixture) addPartition() {
	s.Helper()
	answers, err := s.Admin.CreatePartitions(s.Context(), 1, s.Topic)
	if err == nil {
		err = answers.Error()
	}
	s.Must(err)
}
