package reconcile

import (
	"fmt"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// A file says nothing of what it does not reach: what the API's run has opened stays
// open, and the API's run stays the last success.
func TestRunCSV_ClosesOnlyWhatItHasCompared(t *testing.T) {
	s := newFixture(t)
	s.pairs(agreeing("lost").unknown(), agreeing("differs").status("expired"))
	s.run()
	before, err := s.reconciler().LastRun(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.clock = noon.Add(aDay)
	started := noon.Add(-40 * aDay).Format("2006-01-02 15:04:05 -0700")
	_, err = s.reconciler().RunCSV(t.Context(), File{Log: csvLog(t, ",differs,Active,"+started+",u,a@example.com,A,Payment,1 month,9.99,TRUE,,,,"), AsOf: s.clock, Until: s.clock})
	if err != nil {
		t.Fatal(err)
	}
	s.want("drift", s.drift(), []string{"differs status active→expired closed", "lost missing_in_stream -→active"})
	if after, err := s.reconciler().LastRun(t.Context()); err != nil || !after.CompletedAt.Equal(before.CompletedAt) {
		t.Errorf("the last success was %v, and is %v (%v) after a file", before.CompletedAt, after.CompletedAt, err)
	}
}

// A subscription that neither side has is no drift, also with a tombstone.
func TestRun_ClosesDriftOfWhatNeitherSideHas(t *testing.T) {
	s := newFixture(t)
	s.pairs(agreeing("A").unknown())
	s.pairs(many(60, func(i int) *pair { return agreeing(fmt.Sprintf("B%d", i)) })...)
	all := s.api.subscriptions
	for day, want := range []string{"A missing_in_stream -→active", "A missing_in_stream -→active closed", "A missing_in_stream -→active closed", "A missing_in_stream -→active closed"} {
		if s.api.subscriptions = all; day > 0 {
			s.api.subscriptions = all[1:]
		}
		s.clock = noon.Add(time.Duration(day) * aDay)
		s.run()
		s.want(fmt.Sprintf("day %d", day), s.drift(), []string{want})
	}
}

// What has turned out to be an internal user's is drift no longer.
func TestRun_WhatIsFilteredIsClosed(t *testing.T) {
	s := newFixture(t)
	s.pairs(agreeing("A").status("expired"))
	s.run()
	s.api.subscriptions[0] = piano.Subscription{ID: "A", Status: "expired", Internal: true}
	s.clock = noon.Add(aDay)
	s.run()
	s.want("drift", s.drift(), []string{"A status active→expired closed"})
}

// The alarm of withheld tombstones lasts as long as its reason.
func TestPrune_KeepsWhatTombstonesAreJudgedBy(t *testing.T) {
	tier.Full(t, "writes many snapshots")
	s := testStore(t)
	many := numberedIDs(0, 100)
	s.take(t, named(many...))
	for i := range 8 {
		of := s.take(t, named(many[6:]...))
		if err := s.prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		if i > 0 && of.TombstonesWithheld != 6 {
			t.Errorf("snapshot %d: got %+v", i, of)
		}
	}
}
