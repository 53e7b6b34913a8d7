package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestRun_OpensUpdatesClosesAndReopens follows one disagreement through its days.
func TestRun_OpensUpdatesClosesAndReopens(t *testing.T) {
	s := newFixture(t)
	s.pairs(agreeing("A").status("expired"), agreeing("B"))
	day := func(n int, want string, opened, closed, open uint64) {
		t.Helper()
		s.clock = noon.Add(time.Duration(n) * aDay)
		report := s.run()
		if report.Opened != opened || report.Closed != closed || report.Open != open || report.Superseded {
			t.Errorf("day %d: opened %d, closed %d, open %d; want %d, %d, %d", n, report.Opened, report.Closed, report.Open, opened, closed, open)
		}
		s.want(fmt.Sprintf("day %d", n), texts(t, s.conn, `SELECT concat(subscription_id, ' ', kind, ' ', ifNull(api_value, '-'), ' ',
	formatDateTime(first_seen_at, '%d.%m.'), ' ', formatDateTime(last_seen_at, '%d.%m.'), ' ', ifNull(formatDateTime(closed_at, '%d.%m.'), 'open'))
FROM `+s.tables.Table("drift")+` FINAL WHERE run_id = '`+report.RunID.String()+`' OR closed_at IS NULL ORDER BY ALL`), split(want))
	}
	api := &s.api.subscriptions[0]
	day(0, "A status expired 01.03. 01.03. open", 1, 0, 1)
	day(1, "A status expired 01.03. 02.03. open", 0, 0, 1)
	api.Status = "cancelled"
	day(2, "A status cancelled 01.03. 03.03. open", 0, 0, 1)
	api.Status = "active"
	day(3, "A status cancelled 01.03. 03.03. 04.03.", 0, 1, 0)
	day(4, "", 0, 0, 0)
	api.Status = "expired"
	day(5, "A status expired 06.03. 06.03. open", 1, 0, 1)

	// Drift of a subscription that is not compared stays unchanged.
	s.events(event{id: "A", action: "Auto-renew enabled", ago: -6*aDay + 100*time.Millisecond})
	api.Status = "active"
	day(6, "A status expired 06.03. 06.03. open", 0, 0, 1)
	// Where neither side has it any more there is nothing to disagree about.
	execute(t, s.conn, "ALTER TABLE "+s.tables.Table("subscription_events")+" DELETE WHERE subscription_id = 'A' SETTINGS mutations_sync = 2")
	s.api.subscriptions = s.api.subscriptions[1:]
	day(7, "A status expired 06.03. 06.03. 08.03.", 0, 1, 0)
}

func split(lines string) []string {
	if lines == "" {
		return nil
	}
	return strings.Split(lines, "\n")
}

// TestRun_OfAnOlderSnapshotIsSuperseded: it reports, and changes nothing.
func TestRun_OfAnOlderSnapshotIsSuperseded(t *testing.T) {
	s := newFixture(t)
	s.pairs(agreeing("A").status("expired"), agreeing("B"))
	s.clock = noon.Add(aDay)
	newest := s.run()
	before := s.drift()
	s.api.subscriptions[0].Status, s.api.subscriptions[1].Status = "active", "expired"
	s.clock = noon
	report := s.run()
	if !report.Superseded || report.Opened+report.Closed+report.Open != 0 || len(report.Drift) != 1 || report.Drift[0].Examples[0].SubscriptionID != "B" {
		t.Errorf("got %+v", report)
	}
	s.want("drift", s.drift(), before)
	s.want("runs", texts(t, s.conn, "SELECT toString(state) FROM "+s.tables.Table("reconciliation_runs")+" FINAL ORDER BY as_of"), []string{"superseded", "complete"})
	if at, err := s.reconciler().LastRun(t.Context()); err != nil || !at.CompletedAt.Before(noon.Add(aDay)) {
		t.Errorf("last success %v, %v: it lies in the future", at, err)
	}
	s.clock = noon.Add(2 * aDay)
	if at, err := s.reconciler().LastRun(t.Context()); err != nil || !at.CompletedAt.After(noon.Add(aDay)) || newest.Superseded {
		t.Errorf("last success %v, %v", at, err)
	}
}

// TestRun_AsksAgain has what the API may answer the second time.
func TestRun_AsksAgain(t *testing.T) {
	tier.Full(t, "makes several runs")
	s := newFastFixture(t)
	s.api.answers, s.api.gone = map[string]piano.Subscription{}, map[string]bool{"c-gone": true, "i-gone-unknown": true}
	s.pairs(
		agreeing("a-mended").status("expired"),
		agreeing("b-missed").absent(),
		agreeing("c-gone").status("expired"),
		agreeing("d-moves").status("expired"),
		agreeing("e-internal").absent(),
		agreeing("f-other-value").status("expired"),
		agreeing("g-two-kinds").status("expired").but(func(s *piano.Subscription) { s.UserID = "x" }),
		agreeing("h-unreadable").status("expired"),
		agreeing("i-gone-unknown").unknown(),
	)
	s.api.answers["a-mended"] = *agreeing("a-mended").but(func(s *piano.Subscription) { s.UserID = "new" }).api // a new kind is for the next run
	s.api.answers["b-missed"] = *agreeing("b-missed").api
	s.api.answers["e-internal"] = piano.Subscription{ID: "e-internal", Internal: true, Status: "active"}
	s.api.answers["f-other-value"] = *agreeing("f-other-value").status("cancelled").api
	s.api.answers["g-two-kinds"] = *agreeing("g-two-kinds").but(func(s *piano.Subscription) { s.UserID = "x" }).api
	s.api.onGet = func(id string) error {
		switch id {
		case "d-moves": // the stream tells meanwhile
			s.events(event{id: id, action: "Expired", ago: -time.Hour})
		case "h-unreadable":
			return fmt.Errorf("get: %w", piano.ErrShape)
		}
		return nil
	}
	report := s.run()
	s.want("drift", s.drift(), []string{
		"f-other-value status active→cancelled",
		"g-two-kinds user_id u→x",
		"h-unreadable status active→expired unverified",
	})
	s.want("not compared", counts(report.NotCompared), []string{"filtered 1", "recent 1"})
	if report.Candidates != 9 || report.Verified != 8 || len(s.api.asked) != 9 {
		t.Errorf("%d candidates, %d verified, %d asked", report.Candidates, report.Verified, len(s.api.asked))
	}
	s.nothingLeft()

	// What was verified stays so while it says the same and another run has no
	// question left for it.
	s.clock, s.cfg.Verify = noon.Add(10*time.Minute), 0
	s.api.subscriptions = slices.DeleteFunc(s.api.subscriptions, func(one piano.Subscription) bool { return one.ID != "g-two-kinds" })
	s.api.subscriptions[0].Status = "active"
	s.run()
	if !slices.Contains(s.drift(), "g-two-kinds user_id u→x") {
		t.Errorf("got %v", s.drift())
	}
}

// nothingLeft holds that no working row stays behind.
func (s *fixture) nothingLeft() {
	s.Helper()
	s.want("left over", texts(s, s.conn, "SELECT toString(run_id) FROM "+s.tables.Table("reconciliation_comparisons")+
		" UNION ALL SELECT toString(run_id) FROM "+s.tables.Table("reconciliation_targets")+
		" UNION ALL SELECT DISTINCT toString(snapshot_id) FROM "+s.tables.Table("subscription_snapshots")+
		" WHERE snapshot_id NOT IN (SELECT snapshot_id FROM "+s.tables.Table("snapshot_runs")+" FINAL WHERE state = 'complete')"), nil)
}

// TestRun_AsksAboutEachKindInTurn: a kind that many have leaves room for the others.
func TestRun_AsksAboutEachKindInTurn(t *testing.T) {
	s := newFixture(t)
	s.cfg.Verify = 6
	s.pairs(many(50, func(i int) *pair { return agreeing(fmt.Sprintf("many%02d", i)).status("expired") })...)
	s.pairs(agreeing("user").but(func(s *piano.Subscription) { s.UserID = "x" }), agreeing("missing").absent(),
		agreeing("both").status("expired").but(func(s *piano.Subscription) { s.Term.Type = "gift" }))
	report := s.run()
	if report.Candidates != 53 || report.Verified != 6 || len(s.api.asked) != 6 {
		t.Errorf("%d candidates, %d verified, %d asked", report.Candidates, report.Verified, len(s.api.asked))
	}
	for _, id := range []string{"user", "missing", "both"} {
		if !slices.Contains(s.api.asked, id) {
			t.Errorf("%s was not asked about: %v", id, s.api.asked)
		}
	}
	for _, k := range report.Drift {
		if k.Kind == StatusDiffers && (k.Count != 51 || k.Unverified != 47 || len(k.Examples) != maxExamples || !k.Examples[0].Verified || k.Examples[4].Verified) {
			t.Errorf("got %+v", k)
		}
	}
}

// TestRun_AsksAboutNoHash: an id that holds an address is known by its hash, by which
// the API does not know it. Asking would come out as not found.
func TestRun_AsksAboutNoHash(t *testing.T) {
	s := newFixture(t)
	s.pairs(agreeing("sha256:5f7c8d").status("expired"), agreeing("plain").status("expired"))
	report := s.run()
	if !slices.Equal(s.api.asked, []string{"plain"}) || report.Candidates != 2 || report.Verified != 1 || report.Drift[0].Unverified != 1 {
		t.Errorf("asked about %v: %+v", s.api.asked, report)
	}
}

// TestRun_InBucketsFindsTheSame compares a few subscriptions at a time, and over
// HTTP.
func TestRun_InBucketsFindsTheSame(t *testing.T) {
	tier.Full(t, "runs several times")
	s := newFixture(t)
	var all []*pair
	for i := range 100 {
		p := agreeing(fmt.Sprintf(`it's "%d" \ {a:b}`+"\t%%", i*7919))
		switch i % 10 {
		case 0:
			p.status("expired")
		case 1:
			p.absent()
		case 2:
			p.unknown()
		}
		all = append(all, p)
	}
	s.pairs(all...)
	s.run()
	whole := s.drift()
	if len(whole) != 30 {
		t.Errorf("%d differ, want 30", len(whole))
	}
	execute(t, s.conn, "TRUNCATE TABLE "+s.tables.Table("drift"))
	s.clock = noon.Add(10 * time.Minute)
	over, err := ch.Open(server.Options(t, ch.HTTP))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = over.Close() }()
	s.conn, over = over, s.conn
	r := s.reconciler()
	s.conn, over = over, s.conn
	r.rowsPerRange = 40
	s.api.read = false
	if _, err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.want("drift", s.drift(), whole)
}

// The run's context ends in each phase. Open drift stays open, nothing else is visible,
// and the next run completes.
func TestRun_CancelledInAnyPhaseLeavesNoPartialResult(t *testing.T) {
	tier.Full(t, "runs once for each phase")
	for _, phase := range []Phase{PhaseSnapshot, PhaseSettle, PhaseCompare, PhaseVerify, "get"} {
		t.Run(string(phase), func(t *testing.T) {
			s := newFixture(t)
			s.pairs(agreeing("A").status("expired"), agreeing("B"))
			s.run()
			before := s.drift()
			s.api.subscriptions[0].Status, s.api.subscriptions[1].Status = "active", "expired"
			s.clock = noon.Add(aDay)

			ctx, kill := context.WithCancel(t.Context())
			defer kill()
			var failed error
			s.hooks.OnFailed = func(err error) { failed = err }
			s.hooks.OnPhase = func(p Phase, _ time.Duration) {
				if p == phase {
					kill() // in the next one
				}
			}
			if phase == "get" {
				s.api.onGet = func(string) error { kill(); return ctx.Err() }
			}
			if _, err := s.try(ctx); !errors.Is(err, context.Canceled) || !errors.Is(failed, context.Canceled) {
				t.Fatalf("got %v, and the hook %v", err, failed)
			}
			s.want("drift", s.drift(), before)
			s.want("runs", texts(t, s.conn, "SELECT toString(state) FROM "+s.tables.Table("reconciliation_runs")+" FINAL ORDER BY started_at"), []string{"complete", "failed"})

			s.hooks, s.api.onGet, s.clock = Hooks{}, nil, noon.Add(3*aDay)
			s.run()
			s.want("drift afterwards", s.drift(), []string{"A status active→expired closed", "B status active→expired"})
			s.nothingLeft()
		})
	}
}

// TestRun_DropsWhatAKilledRunHasLeft: one that could not say anything any more.
func TestRun_DropsWhatAKilledRunHasLeft(t *testing.T) {
	s := newFixture(t)
	s.pairs(agreeing("A"))
	table, runs := s.tables.Table("reconciliation_comparisons"), s.tables.Table("reconciliation_runs")
	for i, written := range []string{"2026-03-01 11:00:00", "2026-02-28 11:00:00"} { // at work, and silent since yesterday
		id := fmt.Sprintf("'00000000-0000-7000-8000-00000000000%d'", i)
		execute(t, s.conn, "INSERT INTO "+table+" (run_id, subscription_id) VALUES ("+id+", 'A')",
			"INSERT INTO "+runs+" (run_id, state, written_at) VALUES ("+id+", 'begun', '"+written+"')")
	}
	execute(t, s.conn, "INSERT INTO "+table+" (run_id, subscription_id) VALUES ('00000000-0000-7000-8000-000000000009', 'A')") // nobody's
	s.run()
	s.want("left", texts(t, s.conn, "SELECT toString(run_id) FROM "+table), []string{"00000000-0000-7000-8000-000000000000"})
}

// TestRun_OfASnapshotThatIsGoneFails: what was pruned is not missing in the API.
func TestRun_OfASnapshotThatIsGoneFails(t *testing.T) {
	s := newFixture(t)
	s.pairs(agreeing("A"), agreeing("B"))
	s.hooks.OnPhase = func(p Phase, _ time.Duration) {
		if p == PhaseSettle {
			execute(t, s.conn, "TRUNCATE TABLE "+s.tables.Table("subscription_snapshots"))
		}
	}
	if _, err := s.try(t.Context()); !errors.Is(err, errSnapshotDropped) {
		t.Errorf("got %v", err)
	}
	s.want("drift", s.drift(), nil)
}

// TestRun_FailsWhereTheAPIDoes: what it asked last decides nothing.
func TestRun_FailsWhereTheAPIDoes(t *testing.T) {
	for name, err := range map[string]error{"access": piano.ErrAccess, "shape": piano.ErrShape, "busy": piano.ErrBusy} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			s.pairs(many(10, func(i int) *pair { return agreeing(fmt.Sprint(i)).status("expired") })...)
			s.api.onGet = func(string) error { return err }
			if _, got := s.try(t.Context()); !errors.Is(got, err) {
				t.Errorf("got %v, want %v", got, err)
			}
			s.want("drift", s.drift(), nil)
			s.want("runs", texts(t, s.conn, "SELECT concat(state, ' ', problem) FROM "+s.tables.Table("reconciliation_runs")+" FINAL"),
				[]string{"failed ask again about a subscription: " + err.Error()})
			if at, err := s.reconciler().LastRun(t.Context()); err != nil || !at.CompletedAt.IsZero() {
				t.Errorf("last success %v, %v", at, err)
			}
		})
	}
}
