package reconcile

import (
	"fmt"
	"testing"
	"time"
)

// Drift of a subscription that the API no longer has was once closed by the third
// snapshot without it: by its tombstone the status differed, by the second question
// the row was missing, and no kind was in both.
func TestRun_WhatTheAPINoLongerHasStaysDrift(t *testing.T) {
	s := newFixture(t)
	s.pairs(agreeing("A"))
	// A tombstone for more than 2 % would be withheld.
	s.pairs(many(60, func(i int) *pair { return agreeing(fmt.Sprintf("B%d", i)) })...)
	all := s.api.subscriptions
	for day, want := range []struct {
		there bool
		drift []string
	}{
		{true, nil},
		{false, []string{"A missing_in_api active→-"}},
		{false, []string{"A missing_in_api active→- closed", "A status active→deleted"}},
		{false, []string{"A missing_in_api active→- closed", "A status active→deleted"}},
		{true, []string{"A missing_in_api active→- closed", "A status active→deleted closed"}},
	} {
		if s.api.subscriptions = all; !want.there {
			s.api.subscriptions = all[1:]
		}
		s.clock = noon.Add(time.Duration(day) * aDay)
		s.run()
		s.want(fmt.Sprintf("day %d", day), s.drift(), want.drift)
	}
}
