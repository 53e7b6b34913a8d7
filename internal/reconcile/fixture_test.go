package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
)

// fixture is a database, an API and a clock for one test of whole runs.
type fixture struct {
	testing.TB
	conn   driver.Conn
	tables schemas.Options
	cfg    Config
	api    *fakeAPI
	clock  time.Time // the next snapshot's as_of; once that is read it moves by reconcile.settle with each look, so that settling takes no time
	hooks  Hooks
	stream Stream
}

// newFixture leaves its test out of the fast tier: two statements of a run take ClickHouse
// half a second, mostly to plan them.
func newFixture(t testing.TB) *fixture {
	t.Helper()
	tier.Full(t, "runs whole reconciliations")
	return newFastFixture(t)
}

// newFastFixture is for the few tests of whole runs that the fast tier has.
func newFastFixture(t testing.TB) *fixture {
	t.Helper()
	conn, o := database(t)
	cfg := Defaults()
	cfg.Settle = time.Second
	return &fixture{TB: t, conn: conn, tables: o, cfg: cfg, api: &fakeAPI{}, clock: noon}
}

func (s *fixture) reconciler() *Reconciler {
	s.Helper()
	parts := Deps{Conn: s.conn, Tables: s.tables, API: s.api, Stream: s.stream, Instance: "test", Log: zap.NewNop(), Hooks: s.hooks,
		Now: func() time.Time {
			if s.api.read {
				s.clock = s.clock.Add(s.cfg.Settle)
			}
			return s.clock
		}}
	r, err := New(s.cfg, parts)
	if err != nil {
		s.Fatal(err)
	}
	return r
}

func (s *fixture) run() *Report {
	s.Helper()
	report, err := s.try(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return report
}

func (s *fixture) try(ctx context.Context) (*Report, error) {
	s.Helper()
	s.api.read = false
	return s.reconciler().Run(ctx)
}

// fakeAPI is an API that gives, and answers again, what a test sets.
type fakeAPI struct {
	fakeSweep
	answers map[string]piano.Subscription // where Get's is another than Sweep's
	gone    map[string]bool               // what Get no longer has
	asked   []string
	onGet   func(id string) error
	read    bool // a sweep has begun
}

func (d *fakeAPI) Sweep(ctx context.Context, page func([]piano.Subscription) error) (piano.SweepReport, error) {
	d.read = true
	return d.fakeSweep.Sweep(ctx, page)
}

func (d *fakeAPI) Get(_ context.Context, id string) (piano.Subscription, error) {
	d.asked = append(d.asked, id)
	if d.onGet != nil {
		if err := d.onGet(id); err != nil {
			return piano.Subscription{}, err
		}
	}
	if one, ok := d.answers[id]; ok {
		return one, nil
	}
	i := slices.IndexFunc(d.subscriptions, func(s piano.Subscription) bool { return s.ID == id })
	if i < 0 || d.gone[id] {
		return piano.Subscription{}, fmt.Errorf("get: %w", piano.ErrNotFound)
	}
	return d.subscriptions[i], nil
}

// event is one event of a test; the days are counted from the day before noon's,
// back in time.
type event struct {
	id, user, action, term, period, to string
	ago                                time.Duration // before noon
	next, trial                        time.Duration // after noon; 0 for none
	value                              string
	late                               time.Duration // of the message after the event
}

const aDay = 24 * time.Hour

func (s *fixture) events(all ...event) {
	s.Helper()
	batch, err := s.conn.PrepareBatch(s.Context(), "INSERT INTO "+s.tables.Table("subscription_events")+` (event_id, subscription_id, user_id,
  event_timestamp, subscription_action, next_billed_at, trial_period_ended_at, transaction_value, term_type, billing_period,
  upgrade_to_subscription_id, subscription_action_raw, version, synced_at)`)
	if err != nil {
		s.Fatal(err)
	}
	after := func(d time.Duration) *time.Time {
		if d == 0 {
			return nil
		}
		at := noon.Add(d)
		return &at
	}
	for i, e := range all {
		at := noon.Add(-e.ago)
		var value *decimal.Decimal
		if e.value != "" {
			d := decimal.RequireFromString(e.value)
			value = &d
		}
		id := uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "%s %v %s", e.id, at, e.action))
		err := batch.Append(id, e.id, e.user, at, e.action, after(e.next), after(e.trial), value, nullable(e.term), nullable(e.period), nullable(e.to),
			e.action, uint64(at.Add(e.late).UnixMilli())<<20+uint64(i), at)
		if err != nil {
			s.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		s.Fatal(err)
	}
}

// drift returns the rows of the table, as "id kind stream→api severity unverified closed".
func (s *fixture) drift() []string {
	s.Helper()
	return texts(s, s.conn, `SELECT concat(subscription_id, ' ', kind, ' ', ifNull(stream_value, '-'), '→', ifNull(api_value, '-'),
	if(severity = 'drift', '', concat(' ', severity)), if(verified, '', ' unverified'), if(closed_at IS NULL, '', ' closed'))
FROM `+s.tables.Table("drift")+` FINAL ORDER BY subscription_id, kind`)
}

func (s *fixture) want(what string, got, want []string) {
	s.Helper()
	if !slices.Equal(got, want) {
		s.Errorf("%s: got\n  %s\nwant\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// counts are a map as sorted texts.
func counts(m map[string]uint64) []string {
	var all []string
	for k, n := range m {
		all = append(all, fmt.Sprintf("%s %d", k, n))
	}
	slices.Sort(all)
	return all
}
