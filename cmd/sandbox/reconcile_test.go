package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/reconcile"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// pianoEnv is a test environment with a simulated Piano.
type pianoEnv struct {
	*testbed.Fixture
	publisher *pianoapi.Publisher
	server    *pianoapi.Server
	runs      *reconcile.Reconciler
}

// open builds a world and everything that reconciliation needs. Some answers fail in
// ways that a retry resolves, and some rows move while a client reads pages.
func open(t *testing.T, servers *testbed.Servers, seed uint64, subscribers int) *pianoEnv {
	t.Helper()
	s := &pianoEnv{Fixture: servers.Fixture(t, testbed.Config{Protocol: "native", Seed: seed, Subscribers: subscribers})}
	producer, err := kafka.NewProducer(s.Services.Kafka.Addr())
	s.Must(err)
	t.Cleanup(producer.Close)
	s.publisher = pianoapi.NewPublisher(s.World, s.World.Truth(), pianoapi.PublisherConfig{
		Seed: seed, Lag: 200 * time.Millisecond,
		Produce: func(ctx context.Context, key, value []byte, at time.Time) error {
			if err := producer.Send(ctx, kafka.Record{Topic: s.Topic, Partition: kafka.ByKey, Key: key, Value: value, Time: at}); err != nil {
				return err
			}
			return producer.Flush(ctx)
		},
	})
	s.server, err = pianoapi.Start(pianoapi.Config{Faults: pianoapi.Faults{Seed: seed, Share: 0.02, Shift: 0.1}}, s.publisher)
	s.Must(err)
	t.Cleanup(func() { s.Must(s.server.Close()) })

	s.runs = reconciler(s.Fixture, s.server, s)
	return s
}

// reconciler compares the tables of a fixture with a simulated Piano. With a nil stream
// it does not wait for the consumer group.
func reconciler(s *testbed.Fixture, server *pianoapi.Server, stream reconcile.Stream) *reconcile.Reconciler {
	s.Helper()
	rules, err := transform.New(s.Settings.TransformConfig())
	s.Must(err)
	api := piano.Defaults()
	api.BaseURL, api.ReportsURL, api.AID, api.Token = server.BaseURL(), server.ReportsURL(), server.AID(), server.Token()
	api.Rate, api.Retry.Initial = 10_000, 10*time.Millisecond
	client, err := piano.New(api, rules, zap.NewNop(), piano.Hooks{})
	s.Must(err)
	s.Cleanup(client.Close)
	cfg := reconcile.Defaults()
	cfg.Settle = time.Second
	runs, err := reconcile.New(cfg, reconcile.Deps{
		Conn: s.Analyst, Tables: schemas.Options{Database: s.Topic}, API: client, Stream: stream,
		Instance: "sandbox", Now: time.Now, Log: testbed.Log(),
	})
	s.Must(err)
	return runs
}

// Positions is reconcile.Stream's.
func (s *pianoEnv) Positions(context.Context) ([]reconcile.Position, error) {
	var all []reconcile.Position
	committed := s.Committed()
	for p := range int32(testbed.Partitions) {
		end := s.Services.Kafka.EndOffset(s.Topic, p)
		all = append(all, reconcile.Position{Topic: s.Topic, Partition: p, Committed: committed[p], LastStable: end, LogEnd: end})
	}
	return all, nil
}

// drift returns the open rows of the table, as "kind subscription".
func (s *pianoEnv) drift() []string {
	s.Helper()
	var found []string
	s.One(`SELECT arraySort(groupArray(concat(kind, ' ', subscription_id, if(verified, '', ' unverified')))) FROM drift FINAL WHERE closed_at IS NULL`, &found)
	return found
}

// without returns the elements of a that are not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(one string) bool { return slices.Contains(b, one) })
}

// TestReconciliation_FindsPlantedDrift plants every kind of drift in two years of other
// seeds. The long form has twenty:
//
//	PIANOLA_TEST_LONG=1 go test -timeout 1h -run PlantedDrift ./cmd/sandbox
func TestReconciliation_FindsPlantedDrift(t *testing.T) {
	tier.Full(t, "runs a whole simulated year")
	servers := testbed.Start(t)
	var mu sync.Mutex
	left := map[string]uint64{}
	t.Cleanup(func() { // after the seeds
		for _, reason := range []string{"filtered", "dead_letters", "other_term", "before_stream"} {
			if left[reason] == 0 {
				t.Errorf("no subscription was skipped as %s: %v", reason, left)
			}
		}
	})
	for seed := range uint64(tier.Times(2, 20)) {
		seed++
		t.Run(fmt.Sprintf("seed_%d", seed), func(t *testing.T) {
			t.Parallel() // a run waits for the settle time
			s := open(t, servers, seed, 500)
			s.Must(s.publisher.Plant(seed, 6))
			s.Publish()
			s.Ingest()
			report, err := s.runs.Run(t.Context())
			s.Must(err)
			var want []string
			for _, p := range s.publisher.Planted() {
				want = append(want, p.Kind+" "+p.SubscriptionID)
			}
			slices.Sort(want)
			found := s.drift()
			for _, one := range without(found, want) {
				t.Errorf("not planted: %s", one)
			}
			for _, one := range without(want, found) {
				t.Errorf("not found: %s", one)
			}
			if t.Failed() {
				t.Logf("%+v", report)
			}
			mu.Lock()
			defer mu.Unlock()
			for reason, n := range report.NotCompared {
				left[reason] += n
			}
			if report.Compared < 400 || len(report.Agreed) < 6 {
				t.Errorf("%d compared, %v agreed: want more", report.Compared, report.Agreed)
			}
		})
	}
}

func TestReconciliation_FindsNoDriftDuringActions(t *testing.T) {
	tier.Full(t, "runs a whole simulated year")
	servers := testbed.Start(t)
	s := open(t, servers, 6, 500)
	s.Publish()
	one := s.Serve()
	s.AwaitIngested(one.Run)
	living := testbed.Go(t, func(ctx context.Context) error { return s.publisher.Live(ctx, 50) })
	for range 2 {
		report, err := s.runs.Run(t.Context())
		s.Must(err)
		if found := s.drift(); len(found) > 0 {
			t.Errorf("%+v\nnothing was planted, but found\n  %s", report, strings.Join(found, "\n  "))
		}
		if report.NotCompared["recent"] == 0 {
			t.Errorf("no subscription changed during the run: %v", report.NotCompared)
		}
	}
	living.Drain()
	// After the settle time, reconciliation compares the acted-on subscriptions,
	// too. The first run waits for it.
	for range 2 {
		report, err := s.runs.Run(t.Context())
		s.Must(err)
		if found := s.drift(); len(found) > 0 {
			t.Errorf("%+v\nafter the last action, found\n  %s", report, strings.Join(found, "\n  "))
		}
		if report.NotCompared["recent"] == 0 {
			break
		}
	}
	one.Drain()
}

// Measurements with the synthetic store are valid only if its events and its API
// agree.
func TestReconciliation_FindsNoDriftInSyntheticStore(t *testing.T) {
	tier.Full(t, "runs a whole simulated year")
	s := testbed.Start(t).Fixture(t, testbed.Config{Protocol: "native"})
	store := pianoapi.Synthetic{Subscriptions: 3000, Begin: time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)}
	server, err := pianoapi.Start(pianoapi.Config{}, store)
	s.Must(err)
	t.Cleanup(func() { s.Must(server.Close()) })
	s.Exec(store.EventsSQL("subscription_events"))
	report, err := reconciler(s, server, nil).Run(t.Context())
	s.Must(err)
	if report.Compared != 3000 || report.Candidates != 0 || len(report.Agreed) < 5 {
		t.Errorf("%+v", report)
	}
}
