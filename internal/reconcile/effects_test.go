package reconcile

import (
	"testing"
	"time"

	"github.com/pianola/pianola/internal/piano"
)

// A change that took effect while the API was read once came out as drift: by its
// own events the subscription was not recent.
func TestRun_ChangeThatJustTookEffectIsRecent(t *testing.T) {
	s := newFixture(t)
	changes := func(id, to string) *pair {
		return agreeing(id).then(event{action: "Upgraded", ago: 5 * aDay, to: to}).status("deleted")
	}
	begins := func(id string, at time.Duration) *pair {
		started := noon.Add(-at)
		return agreeing(id).unknown().then(event{action: "Created", ago: at, next: 20 * aDay, term: "payment", period: "1 month", value: "9.99"}).
			but(func(s *piano.Subscription) { s.StartedAt = &started })
	}
	s.pairs(
		changes("a", "a2"), begins("a2", -time.Hour), // while the API is read
		changes("c", "c2"), begins("c2", time.Hour), // it has settled: deleted is what upgraded may be
		changes("d", "d2").status("active"), begins("d2", time.Hour),
	)
	report := s.run()
	s.want("drift", s.drift(), []string{"d status upgraded→active"})
	s.want("not compared", counts(report.NotCompared), []string{"recent 2"})
}
