package offsets_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/offsets"
	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
)

// TestPlan_Targets has every target, with offsets outside of the log.
func TestPlan_Targets(t *testing.T) {
	s := newFixture(t)
	s.Ingest()
	s.produce(0, 10, 15) // nobody has read these
	s.DeleteBefore(1, 1)
	for name, c := range map[string]struct {
		target offsets.Target
		to     [3]int64
		note   [3]offsets.Note
		skip   int64 // of partition 0
		again  int64
	}{
		"earliest":         {target: offsets.Target{Kind: offsets.ToEarliest}, to: [3]int64{0, 1, 0}, again: 10},
		"latest":           {target: offsets.Target{Kind: offsets.ToLatest}, to: [3]int64{15, 4, 0}, skip: 5},
		"time of a record": {target: offsets.Target{Kind: offsets.ToTime, Time: firstRecord.Add(3 * time.Minute)}, to: [3]int64{3, 3, 0}, note: [3]offsets.Note{2: offsets.NoLaterRecord}, again: 7},
		"between records":  {target: offsets.Target{Kind: offsets.ToTime, Time: firstRecord.Add(11*time.Minute + time.Second)}, to: [3]int64{12, 4, 0}, note: [3]offsets.Note{1: offsets.NoLaterRecord, 2: offsets.NoLaterRecord}, skip: 2},
		"offset":           {target: offsets.Target{Kind: offsets.ToOffset, Offset: 2}, to: [3]int64{2, 2, 0}, note: [3]offsets.Note{2: offsets.BeyondLogEnd}, again: 8},
		"before the log":   {target: offsets.Target{Kind: offsets.ToOffset, Offset: 0}, to: [3]int64{0, 1, 0}, note: [3]offsets.Note{1: offsets.BelowLogStart}, again: 10},
		"beyond the log":   {target: offsets.Target{Kind: offsets.ToOffset, Offset: math.MaxInt64}, to: [3]int64{15, 4, 0}, note: [3]offsets.Note{offsets.BeyondLogEnd, offsets.BeyondLogEnd, offsets.BeyondLogEnd}, skip: 5},
		"the ledger":       {target: offsets.Target{Kind: offsets.FromLedger}, to: [3]int64{10, 4, 0}, note: [3]offsets.Note{2: offsets.NotInLedger}},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			changes := s.plan(c.target).Changes
			for p, change := range changes {
				if change.To != c.to[p] || change.Note != c.note[p] {
					t.Errorf("partition %d: to %d with note %q, want %d and %q", p, change.To, change.Note, c.to[p], c.note[p])
				}
			}
			if next := changes[0].Next; next.Skipped != c.skip || next.ReadAgain != c.again || next.Offset != c.to[0] {
				t.Errorf("next run of partition 0: %+v, want %d skipped and %d read again", next, c.skip, c.again)
			}
		})
	}
	t.Run("shift", func(t *testing.T) {
		if _, err := s.group().Plan(t.Context(), offsets.Selection{}, offsets.Target{Kind: offsets.ShiftBy, Offset: -2}); err == nil || !strings.Contains(err.Error(), s.Topic+"/2;") {
			t.Errorf("a partition without a committed offset: %v", err)
		}
		plan, err := s.group().Plan(t.Context(), offsets.Selection{Partitions: []int32{0, 1}}, offsets.Target{Kind: offsets.ShiftBy, Offset: -2})
		if err != nil || len(plan.Changes) != 2 || plan.Changes[0].To != 8 || plan.Changes[1].To != 2 {
			t.Errorf("%+v, %v", plan, err)
		}
		plan, err = s.group().Plan(t.Context(), offsets.Selection{Partitions: []int32{0}}, offsets.Target{Kind: offsets.ShiftBy, Offset: math.MaxInt64})
		if err != nil || plan.Changes[0].To != 15 || plan.Changes[0].Note != offsets.BeyondLogEnd {
			t.Errorf("a distance without limit: %+v, %v", plan, err)
		}
	})
	if at := s.Committed(); at[0] != 10 || at[1] != 4 {
		t.Errorf("the plans have moved the group to %v", at)
	}
	for _, selection := range []offsets.Selection{{Topic: "another"}, {Partitions: []int32{1, 7}}} {
		if _, err := s.group().Plan(t.Context(), selection, offsets.Target{Kind: offsets.ToEarliest}); !errors.As(err, new(*offsets.UnknownError)) {
			t.Errorf("%+v: %v", selection, err)
		}
	}
}

// TestReset_ForecastsTheNextRun: what a plan says of `pianola run` is what it does.
func TestReset_ForecastsTheNextRun(t *testing.T) {
	tier.Full(t, "runs several consumers")
	s := newFixture(t)
	s.Ingest()
	rows := func() (all, events uint64) {
		s.One("SELECT count(), uniqExact(event_id) FROM subscription_events", &all, &events)
		return all, events
	}
	wantVerdict := func(plan *offsets.Plan, want offsets.Verdict, count int64) {
		t.Helper()
		if next := plan.Changes[0].Next; next.Verdict != want || next.Offsets() != count {
			t.Errorf("forecast %+v, want %s of %d offsets", next, want, count)
		}
	}

	plan := s.reset(offsets.Target{Kind: offsets.ToOffset, Offset: 4})
	wantVerdict(plan, offsets.ReadsAgain, 6)
	if at := s.Committed(); !plan.Executed || at[0] != 4 || at[1] != 4 {
		t.Fatalf("after the reset the group has %v", at)
	}
	if next := s.show().Partitions[0].Next; next != plan.Changes[0].Next {
		t.Errorf("show says %+v, the plan said %+v", next, plan.Changes[0].Next)
	}
	s.Ingest()
	if all, events := rows(); all != 14+6 || events != 14 {
		t.Errorf("%d rows of %d events; want that six are there twice until a merge", all, events)
	}

	s.produce(0, 10, 15)
	wantVerdict(s.reset(offsets.Target{Kind: offsets.ToOffset, Offset: 13}), offsets.LosesMoved, 3)
	var loss *pipeline.DataLossError
	if err := s.Serve().Wait(); !errors.As(err, &loss) || loss.Cause != schemas.LostToMovedOffset || loss.From != 10 || loss.To != 13 {
		t.Fatalf("the run has ended with %v", err)
	}
	s.awaitInactive()
	wantVerdict(s.reset(offsets.Target{Kind: offsets.FromLedger}), offsets.Continues, 0)
	s.Ingest()
	if _, events := rows(); events != 19 {
		t.Errorf("%d events, want 19", events)
	}

	s.Exec("TRUNCATE TABLE ingest_ledger")
	s.produce(0, 15, 17)
	wantVerdict(s.plan(offsets.Target{Kind: offsets.ToOffset, Offset: 16}), offsets.SkipsUnnoticed, 16)
	plan = s.plan(offsets.Target{Kind: offsets.FromLedger})
	if c := plan.Changes[0]; c.To != 0 || c.Note != offsets.NotInLedger || c.Ledger != nil {
		t.Errorf("from an empty ledger: %+v", c)
	}
}

// TestReset_RetentionAndRecreation: the tables know messages that Kafka no longer has.
func TestReset_RetentionAndRecreation(t *testing.T) {
	tier.Full(t, "recreates a topic")
	s := newFixture(t)
	s.Ingest()
	s.produce(0, 10, 15)
	s.DeleteBefore(0, 12)
	if next := s.show().Partitions[0].Next; next.Verdict != offsets.LosesRetained || next.Offsets() != 2 || next.Offset != 12 {
		t.Errorf("retention: %+v", next)
	}
	// The new topic is longer than what was read of the old one.
	s.DeleteTopic()
	s.CreateTopic()
	s.produce(0, 20, 40)
	plan := s.plan(offsets.Target{Kind: offsets.FromLedger})
	if c := plan.Changes[0]; c.Note != offsets.OtherTopic || c.To != 0 || c.Next.Verdict != offsets.LosesRecreated || c.Next.Offset != 0 {
		t.Errorf("recreated: %+v", c)
	}
	if c := s.plan(offsets.Target{Kind: offsets.ToLatest}).Changes[0]; c.To != 20 || c.Next.Verdict != offsets.LosesRecreated {
		t.Errorf("recreated, to the end: %+v", c)
	}
}

// TestReset_RefusesAnActiveGroup: by what the group's coordinator says, and by the broker
// for a member that has joined since.
func TestReset_RefusesAnActiveGroup(t *testing.T) {
	s := newFixture(t)
	g := s.group()
	before, err := g.Plan(t.Context(), offsets.Selection{}, offsets.Target{Kind: offsets.ToLatest})
	if err != nil || before.Active {
		t.Fatalf("%+v, %v", before, err)
	}
	one := s.Serve()
	s.AwaitCommitted(one.Run)
	report := s.show()
	if p := report.Partitions[0]; !report.Active || report.State != "Stable" || len(report.Members) != 1 || p.Member != report.Members[0].ID ||
		*p.Committed != 10 || p.Lag != 0 || p.Ledger.Reached != 10 || p.Next.Verdict != offsets.Continues {
		t.Errorf("show: %+v", report)
	}
	during, err := g.Plan(t.Context(), offsets.Selection{}, offsets.Target{Kind: offsets.ToEarliest})
	if err != nil || !during.Active {
		t.Fatalf("a plan while the group is active: %+v, %v", during, err)
	}
	for name, plan := range map[string]*offsets.Plan{"active in the plan": during, "joined since the plan": before} {
		err := g.Reset(t.Context(), plan)
		if !errors.Is(err, consumer.ErrGroupActive) || !strings.Contains(err.Error(), "stop every pianola run") || plan.Executed {
			t.Errorf("%s: %v", name, err)
		}
		if member := during.Members[0]; plan == during && !strings.Contains(err.Error(), "with 1 members (client ids "+member.ClientID+";") || strings.Contains(err.Error(), member.Host) {
			t.Errorf("%s: a member is named by its client id, and not by its host: %v", name, err)
		}
	}
	if at := s.Committed(); at[0] != 10 {
		t.Errorf("the refused resets have moved the group to %v", at)
	}
	one.Drain()
	s.awaitInactive()
	s.reset(offsets.Target{Kind: offsets.ToEarliest})
}
