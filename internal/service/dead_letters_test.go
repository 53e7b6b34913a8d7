package service_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/sandbox/testbed"
)

// The gauges show what is open, what was dismissed, and neither what was resolved.
func TestService_CountsDeadLetters(t *testing.T) {
	s := newFixture(t, "native")
	for offset, closed := range []string{"NULL, NULL", "NULL, NULL", "now64(3), NULL", "now64(3), 'J. Doe'"} {
		s.Exec(fmt.Sprintf("INSERT INTO dead_letters (source, source_name, source_offset, reason, decided_at, attempts, resolved_at, dismissed_by) "+
			"SELECT 'file', 'f', %d, 'invalid_json', now64(3), 1, %s", offset, closed))
	}
	i := s.start()
	err := testbed.Await(t.Context(), "the dead letters", func() (bool, error) {
		if err := i.Ended(); err != nil {
			return false, err
		}
		_, page, err := i.get(t.Context(), "/metrics")
		return strings.Contains(page, `pianola_dead_letters_open{reason="invalid_json"} 2`) &&
			strings.Contains(page, `pianola_dead_letters_dismissed{reason="invalid_json"} 1`) &&
			strings.Contains(page, `pianola_dead_letters_open{reason="too_large"} 0`), err
	})
	s.Must(err)
}
