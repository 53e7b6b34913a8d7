package service_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

const (
	listing = "/publisher/subscription/list"
	single  = "/publisher/subscription/get"
)

// reconciles gives the stage a Piano, whose slow answers come after an hour, and
// has its services reconcile as soon as they can.
func (s *fixture) reconciles() *pianoapi.Server {
	s.Helper()
	publisher := pianoapi.NewPublisher(s.World, s.World.Truth(), pianoapi.PublisherConfig{Seed: 1})
	s.Must(publisher.Plant(1, 1))
	api, err := pianoapi.Start(pianoapi.Config{Faults: pianoapi.Faults{Slow: time.Hour}}, publisher)
	s.Must(err)
	s.Cleanup(func() { _ = api.Close() }) // clients may hang on it still
	p := &s.Settings.Piano
	p.BaseURL, p.AID, p.Rate = api.BaseURL(), api.AID(), 10_000
	p.APIToken = config.Secret(api.Token())
	p.Retry.Initial, p.Retry.Max, p.Timeout = time.Millisecond, 10*time.Millisecond, time.Hour
	s.Settings.Reconcile.Settle = 0
	return api
}

// shows says whether the instance's metrics have such a line.
func (i *instance) shows(line string) bool {
	_, text := i.page("/metrics")
	return strings.Contains(text, "\n"+line+"\n")
}

func (i *instance) untilShows(line string) {
	i.fixture.Helper()
	i.until(line, func() bool { return i.shows(line) })
}

const (
	complete = `pianola_reconciliations_total{outcome="complete"} 1`
	canceled = `pianola_reconciliations_total{outcome="canceled"} 1`
	failed   = `pianola_reconciliations_total{outcome="failed"} 1`
	// planted is one of each kind.
	planted = `pianola_drift_open{kind="missing_in_api",severity="drift"} 1`
)

// states are those of all runs, in their order.
func (s *fixture) states() (all []string) {
	s.Helper()
	s.One("SELECT groupArray(toString(state)) FROM (SELECT state FROM reconciliation_runs FINAL ORDER BY started_at)", &all)
	return all
}

// handOver has the group rebalance until partition 0 is the heir's: who gets which
// partition goes by the order in which the broker names them.
func (s *fixture) handOver(loser, heir *instance) {
	s.Helper()
	loser.until("the heir owns partition 0", func() bool {
		s.Must(heir.Ended())
		owner, members := s.ownerOfPartition0()
		if members == 2 && owner == "loser" {
			rounds := loser.Metric("pianola_rebalances_total")
			s.addPartition()
			loser.until("a rebalance", func() bool { return loser.Metric("pianola_rebalances_total") > rounds })
		}
		return members == 2 && owner == "heir"
	})
}

// ownerOfPartition0 is the client that the group has given it to, and how many
// members the group has; nobody while it rebalances.
func (s *fixture) ownerOfPartition0() (client string, members int) {
	s.Helper()
	groups, err := s.Admin.DescribeGroups(s.Context(), s.Settings.Kafka.Group)
	s.Must(err)
	group := groups[s.Settings.Kafka.Group]
	if group.State != "Stable" {
		return "", 0
	}
	for _, m := range group.Members {
		assigned, ok := m.Assigned.AsConsumer()
		if !ok {
			continue
		}
		for _, t := range assigned.Topics {
			if t.Topic == s.Topic && slices.Contains(t.Partitions, 0) {
				client = m.ClientID
			}
		}
	}
	return client, len(group.Members)
}

// TestService_LosesPartition0DuringARun: the run ends, another instance makes up for
// it, and nothing of the first one counts.
func TestService_LosesPartition0DuringARun(t *testing.T) {
	tier.Full(t, "waits for a rebalance")
	t.Parallel()
	s := newFixture(t, "native")
	api := s.reconciles()
	s.tell(1)
	for phase, endpoint := range map[string]string{"while the snapshot is read": listing, "while it asks again": single} {
		api.Fail(pianoapi.SlowAnswer, endpoint, 2, 1)
		waiting := api.Failed()[pianoapi.SlowAnswer]
		s.Exec("TRUNCATE TABLE reconciliation_runs")
		s.Settings.Kafka.ClientID = "loser"
		loser := s.start()
		loser.until(phase, func() bool { return api.Failed()[pianoapi.SlowAnswer] > waiting })
		s.Settings.Kafka.ClientID = "heir"
		heir := s.start()
		s.handOver(loser, heir)
		loser.untilShows(canceled)
		if _, metrics := loser.page("/metrics"); strings.Contains(metrics, "pianola_drift_open") || strings.Contains(metrics, "last_success") {
			t.Error("an instance that does not reconcile tells what a run has found")
		}
		heir.untilShows(complete)
		heir.untilShows(planted)
		if got := strings.Join(s.states(), " "); got != "failed complete" {
			t.Errorf("%s: the runs are %s", phase, got)
		}
		if n := heir.Metric("pianola_drift_open"); n != 10 {
			t.Errorf("%s: %v disagreements are open, 10 are planted", phase, n)
		}
		s.AwaitIngested(loser.Run, heir.Run)
		loser.Drain()
		heir.Drain()
	}
	s.WantTruth()
}

// TestService_DrainsDuringARun: what a run waits for is no reason to wait.
func TestService_DrainsDuringARun(t *testing.T) {
	tier.Full(t, "waits for a reconciliation")
	t.Parallel()
	s := newFixture(t, "native")
	api := s.reconciles()
	s.tell(1)
	for phase, prepare := range map[string]func(){
		"the snapshot is read": func() { api.Fail(pianoapi.SlowAnswer, listing, 2, 1) },
		"it settles":           func() { s.Settings.Reconcile.Settle = time.Hour },
	} {
		prepare()
		i := s.start()
		s.AwaitIngested(i.Run)
		i.until(phase, func() bool {
			return api.Failed()[pianoapi.SlowAnswer] > 0 || i.Metric("pianola_snapshot_pages_total") > 12
		})
		i.Drain()
		s.Settings.Reconcile.Settle = 0
	}
	s.WantTruth()
}

// TestService_ReconciliationErrors: nobody else notices.
func TestService_ReconciliationErrors(t *testing.T) {
	tier.Full(t, "waits for reconciliations")
	t.Parallel()
	s := newFixture(t, "native")
	api := s.reconciles()
	s.Must(api.Close())
	s.tell(0.5)
	i := s.start()
	i.untilShows(failed)
	i.untilReady()
	s.tell(1)
	s.AwaitIngested(i.Run)
	if !i.shows(failed) || !i.shows("pianola_reconciliation_last_success_timestamp_seconds 0") {
		t.Error("it has been tried again and again, or does not say that it has never worked")
	}
	if alive, text := i.page("/livez"); !alive {
		t.Errorf("not alive: %s", text)
	}
	i.Drain()
	s.WantTruth()
}
