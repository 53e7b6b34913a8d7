package testbed

import (
	"context"
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/wait"
)

// patience bounds every wait for something that has to come. It is no measure of
// speed: a loaded machine needs a fraction of it.
const patience = 2 * time.Minute

// Await waits for something that has to come. An error of holds ends the wait, and
// is given with what was waited for, like the end of patience.
func Await(ctx context.Context, what string, holds func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := wait.Until(ctx, 10*time.Millisecond, holds); err != nil {
		return fmt.Errorf("wait for %s: %w", what, err)
	}
	return nil
}

// Eventually waits until holds returns true. It fails the test when one of the runs
// ends by itself, because nothing can arrive after that.
func (s *Fixture) Eventually(what string, holds func() bool, while ...*Run) {
	s.Helper()
	s.Must(Await(s.Context(), what, func() (bool, error) {
		if holds() {
			return true, nil
		}
		for _, r := range while {
			if err := r.Ended(); err != nil {
				return false, err
			}
		}
		return false, nil
	}))
}

// AwaitIngested waits until the ledger accounts for every message of the topic.
func (s *Fixture) AwaitIngested(while ...*Run) {
	s.Helper()
	s.Eventually("every message accounted for", s.Ingested, while...)
}

// AwaitCommitted waits until the group has committed the end of the topic.
func (s *Fixture) AwaitCommitted(while ...*Run) {
	s.Helper()
	s.Eventually("everything committed", s.CommittedAll, while...)
}
