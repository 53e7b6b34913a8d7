package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/care"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// publisher is a simulated Piano over a fixture's world: what is asked of it comes
// back as events of the fixture's topic.
type publisher struct {
	*testbed.Fixture
	desk   *care.Desk
	server *pianoapi.Server
	client *piano.Client
	subs   []piano.Subscription // those that can be acted on
}

func newPublisher(t *testing.T, s *testbed.Fixture) *publisher {
	t.Helper()
	truth := s.World.Truth()
	shelf := pianoapi.NewPublisher(s.World, truth, pianoapi.PublisherConfig{Seed: 1, Produce: func(ctx context.Context, key, value []byte, at time.Time) error {
		return s.Client.ProduceSync(ctx, &kgo.Record{Topic: s.Topic, Key: key, Value: value, Timestamp: at}).FirstErr()
	}})
	p := &publisher{Fixture: s}
	var err error
	p.desk = care.New(shelf, care.Config{Seed: 1})
	p.server, err = pianoapi.Start(pianoapi.Config{}, p.desk)
	s.Must(err)
	t.Cleanup(func() {
		if err := p.server.Close(); err != nil {
			t.Error(err)
		}
	})
	c := piano.Defaults()
	c.BaseURL, c.AID, c.Token, c.Rate = p.server.BaseURL(), p.server.AID(), p.server.Token(), 10_000
	p.client, err = piano.New(c, nil, zap.NewNop(), piano.Hooks{})
	s.Must(err)
	t.Cleanup(p.client.Close)
	for k := range truth.Known() {
		if len(k.Facts) == 0 || k.ID != k.Stored || k.UserID == "" || k.Internal || strings.Contains(k.UserID, "@") {
			continue
		}
		one, err := p.client.Get(t.Context(), k.ID)
		s.Must(err)
		p.subs = append(p.subs, one)
	}
	return p
}

func (p *publisher) environment() []string {
	return append(environment(p.Settings), "PIANOLA_LOG_LEVEL=error", "PIANOLA_PIANO_BASE_URL="+p.server.BaseURL(),
		"PIANOLA_PIANO_AID="+p.server.AID(), "PIANOLA_PIANO_API_TOKEN="+p.server.Token(), "PIANOLA_PIANO_RATE=1000")
}

// take gives one that nobody has been given yet.
func (p *publisher) take(what string, ok func(piano.Subscription) bool) piano.Subscription {
	p.Helper()
	i := slices.IndexFunc(p.subs, ok)
	if i < 0 {
		p.Fatalf("the world has no %s", what)
	}
	one := p.subs[i]
	p.subs = slices.Delete(p.subs, i, i+1)
	return one
}

func (p *publisher) get(id string) piano.Subscription {
	p.Helper()
	one, err := p.client.Get(p.Context(), id)
	p.Must(err)
	return one
}

// TestSubscription_Commands asks a simulated Piano as support would,
// and sees the events come back through the stream.
func TestSubscription_Commands(t *testing.T) {
	tier.Full(t, "runs the actions in every way")
	for _, protocol := range []string{"native", "http"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			walkSubscription(t, protocol)
		})
	}
}

func walkSubscription(t *testing.T, protocol string) {
	s := services(t).Fixture(t, testbed.Config{Protocol: protocol, Seed: 3, Subscribers: 600, State: true})
	p := newPublisher(t, s)
	one := s.Serve()
	asJSON := func(want int, args ...string) actions.Report {
		t.Helper()
		got := call(t, p.environment(), "", append(append([]string{"subscription"}, args...), "--json", "--actor", "support kari@example.com")...)
		var r actions.Report
		if err := json.Unmarshal([]byte(got.stdout), &r); err != nil || got.code != want {
			t.Fatalf("%v: exit status %d, want %d: %v\n%s%s", args, got.code, want, err, got.stdout, got.stderr)
		}
		if all := got.stdout + got.stderr; strings.Contains(all, "@") || strings.Contains(all, p.server.Token()) {
			t.Errorf("%v: something personal comes out: %s", args, all)
		}
		return r
	}
	arrived := func(action, id string) {
		t.Helper()
		s.Eventually(action+" of "+id, func() bool {
			var n uint64
			s.Must(s.Analyst.QueryRow(s.Context(), "SELECT count() FROM subscription_events FINAL WHERE subscription_id = ? AND subscription_action = ?", id, action).Scan(&n))
			return n == 1
		}, one.Run)
	}

	dynamic := p.take("dynamic one to resume", func(s piano.Subscription) bool {
		return s.Term.Type == "dynamic" && *s.CanBeResumed
	})
	if r := asJSON(exitDone, "resume", "--subscription", dynamic.ID); r.Outcome != actions.Planned || r.Executed || *p.get(dynamic.ID).CanBeResumed != true {
		t.Errorf("a plan: %+v", r)
	}
	if r := asJSON(exitDone, "resume", "--user", dynamic.UserID, "--subscription", dynamic.ID, "--execute"); r.Outcome != actions.Done || !*p.get(dynamic.ID).AutoRenew {
		t.Errorf("resume: %+v", r)
	}
	arrived("Resumed", dynamic.ID)

	paying := p.take("paying one", func(s piano.Subscription) bool {
		all, _, err := p.client.Find(t.Context(), s.UserID, 50)
		return err == nil && len(all) == 1 && s.Status == "active" && s.Term.Type == "payment" && *s.AutoRenewChangeEnabled && *s.AutoRenew
	})
	s.Must(p.client.Update(t.Context(), paying.ID, piano.Update{AutoRenew: new(bool)}))
	p.server.Fail(pianoapi.LostAnswer, "/publisher/subscription/update", 0, 1) // it is done, and the answer is a 500
	if r := asJSON(exitDone, "resume", "--user", paying.UserID, "--execute"); r.Outcome != actions.Done || len(r.Steps) != 4 || r.Steps[1].Step != "unknown" || !*p.get(paying.ID).AutoRenew {
		t.Errorf("turned on: %+v", r)
	}
	arrived("Auto-renew enabled", paying.ID)
	if r := asJSON(exitDone, "resume", "--subscription", paying.ID, "--execute"); r.Outcome != actions.Done || r.Request != nil {
		t.Errorf("again: %+v", r)
	}
	ended := p.take("ended one", func(s piano.Subscription) bool { return s.Term.Type == "payment" && s.Status == "cancelled" })
	if r := asJSON(exitFound, "resume", "--subscription", ended.ID, "--execute"); r.Outcome != actions.Refused {
		t.Errorf("ended: %+v", r)
	}

	from := paying.Term.ID
	var product int
	_, err := fmt.Sscanf(from, "TMPAY%d", &product)
	s.Must(err)
	to := fmt.Sprintf("TMPAY%02d", (product+12)%36) // the same of another tier
	upgrade := []string{"upgrade", "--subscription", paying.ID, "--from-term", from, "--to-term", to}
	if r := asJSON(exitDone, upgrade...); r.Outcome != actions.Planned || p.get(paying.ID).Term.ID != from {
		t.Errorf("a plan: %+v", r)
	}
	if r := asJSON(exitFound, "upgrade", "--subscription", paying.ID, "--from-term", to, "--to-term", "elsewhere", "--execute"); r.Outcome != actions.Refused {
		t.Errorf("another term: %+v", r)
	}
	if r := asJSON(exitFound, "upgrade", "--subscription", paying.ID, "--from-term", from, "--to-term", "nowhere", "--execute"); r.Outcome != actions.Refused || r.Steps[len(r.Steps)-1].Outcome != actions.Refused {
		t.Errorf("no such term: %+v", r)
	}
	if r := asJSON(exitDone, append(upgrade, "--execute")...); r.Outcome != actions.Done || p.get(paying.ID).Status != "upgraded" {
		t.Errorf("upgrade: %+v", r)
	}
	s.Eventually("the state upgraded", func() bool {
		var status string
		s.RefreshState()
		row := s.Analyst.QueryRow(s.Context(), "SELECT status FROM subscription_state WHERE subscription_id = ?", paying.ID)
		return row.Scan(&status) == nil && status == "upgraded"
	}, one.Run)

	later := p.take("one to change later", func(s piano.Subscription) bool {
		can, err := p.client.CanChange(t.Context(), s.ID)
		return err == nil && can && s.Term.Type == "payment"
	})
	_, err = fmt.Sscanf(later.Term.ID, "TMPAY%d", &product)
	s.Must(err)
	got := call(t, p.environment(), "", "subscription", "upgrade", "--subscription", later.ID, "--from-term", later.Term.ID,
		"--to-term", fmt.Sprintf("TMPAY%02d", (product+12)%36), "--billing", "period_end", "--execute")
	if got.code != exitDone || !strings.Contains(got.stdout, "pending: Piano has accepted the change, and says PENDING\naction id in actions_log: ") ||
		!strings.Contains(got.stdout, "sent: POST /publisher/term/change/do billing_timing=1 immediate_access=false") {
		t.Errorf("later: %+v", got)
	}
	one.Drain()

	var steps, actors string
	s.Must(s.Analyst.QueryRow(s.Context(), "SELECT arrayStringConcat(groupUniqArray(actor::String), ' '), toString(countIf(step = 'asked')) FROM actions_log").Scan(&actors, &steps))
	if strings.Contains(actors, "@") || !strings.Contains(actors, "support sha256:") || steps != "5" {
		t.Errorf("actions_log has %s rows before requests, of %s", steps, actors)
	}
	away := []string{"subscription", "resume", "--subscription", dynamic.ID, "--clickhouse.addr", "127.0.0.1:1"}
	got = call(t, p.environment(), "", append(away, "--execute")...)
	if got.code != exitFailed || !strings.Contains(got.stderr, "no request was sent to Piano") {
		t.Errorf("without clickhouse: %+v", got)
	}
	if got := call(t, p.environment(), "", away...); got.code != exitDone || !strings.Contains(got.stdout, "renews by itself") {
		t.Errorf("a plan needs no clickhouse: %+v", got)
	}
}

func TestSubscription_Usage(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want int
		says string
	}{
		"nobody":        {[]string{"resume"}, exitUsage, "give --subscription or --user"},
		"no_term":       {[]string{"upgrade", "--subscription", "S", "--from-term", "T"}, exitUsage, "give --to-term"},
		"same_term":     {[]string{"upgrade", "--subscription", "S", "--from-term", "T", "--to-term", " T"}, exitUsage, "are the same"},
		"billing":       {[]string{"upgrade", "--subscription", "S", "--from-term", "T", "--to-term", "U", "--billing", "soon"}, exitUsage, "now, period_end"},
		"wait":          {[]string{"upgrade", "--subscription", "S", "--from-term", "T", "--to-term", "U", "--wait", "-1s"}, exitUsage, "below 0"},
		"actor":         {[]string{"resume", "--user", "u", "--actor", "a\nb"}, exitUsage, "--actor"},
		"no_credential": {[]string{"resume", "--user", "u"}, exitConfiguration, "piano.api_token: is empty"},
	} {
		got := call(t, []string{"PIANOLA_CLICKHOUSE_ADDR=127.0.0.1:1"}, "", append([]string{"subscription"}, c.args...)...)
		if got.code != c.want || !strings.Contains(got.stderr, c.says) || got.stdout != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// interrupting is a standard error that ends the command when it says something.
type interrupting struct {
	bytes.Buffer
	at  string
	end context.CancelFunc
}

func (w *interrupting) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(w.at)) {
		w.end()
	}
	return w.Buffer.Write(p)
}

// An interrupt during a pause reports the reason of the pause.
func TestSubscription_InterruptReportsReasonOfPause(t *testing.T) {
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "600")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer busy.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stderr := &interrupting{at: piano.LogRetrying, end: cancel}
	code := run(ctx, []string{"subscription", "resume", "--subscription", "S"}, strings.NewReader(""), io.Discard, stderr, []string{
		"PIANOLA_CLICKHOUSE_ADDR=127.0.0.1:1", "PIANOLA_PIANO_BASE_URL=" + busy.URL, "PIANOLA_PIANO_AID=a", "PIANOLA_PIANO_API_TOKEN=canary-token"})
	if code != exitFailed || !strings.Contains(stderr.String(), "pianola: interrupted: subscription resume: piano /publisher/subscription/get: status 429") {
		t.Errorf("exit status %d: %s", code, stderr.String())
	}
}
