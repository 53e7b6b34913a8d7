package service_test

import (
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/testbed"
)

// The gauge shows the time that the state is complete to.
func TestService_ShowsTheFreshnessOfTheState(t *testing.T) {
	s := newFixtureWith(t, testbed.Config{Protocol: "native", State: true})
	s.RefreshState()
	var want time.Time
	s.One("SELECT max(progress.complete_to) FROM subscriptions WHERE subscription_id = ''", &want)
	i := s.start()
	var got string
	err := testbed.Await(t.Context(), "the freshness of the state", func() (bool, error) {
		if err := i.Ended(); err != nil {
			return false, err
		}
		_, page, err := i.get(t.Context(), "/metrics")
		m := regexp.MustCompile(`(?m)^pianola_state_complete_to_timestamp_seconds (\S+)$`).FindStringSubmatch(page)
		if m != nil {
			got = m[1]
		}
		return m != nil, err
	})
	s.Must(err)
	seconds, err := strconv.ParseFloat(got, 64)
	if err != nil || int64(seconds*1000+0.5) != want.UnixMilli() {
		t.Errorf("complete to %s, want %d ms, %v", got, want.UnixMilli(), err)
	}
}
