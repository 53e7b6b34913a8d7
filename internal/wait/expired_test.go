package wait

import (
	"context"
	"testing"
	"time"
)

// unfired is a context whose deadline has passed and whose timer has not fired yet.
type unfired struct{ context.Context }

func (unfired) Deadline() (time.Time, bool) { return time.Now().Add(-time.Millisecond), true }

func TestExpired(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	later, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		want bool
	}{
		"without a deadline":             {t.Context(), false},
		"before its deadline":            {later, false},
		"cancelled":                      {ended, true},
		"deadline passed, timer waiting": {unfired{t.Context()}, true},
	} {
		if got := Expired(c.ctx); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
