package actions

import (
	"context"
	"fmt"

	"github.com/pianola/pianola/transform"
)

// ShowPersonal is the action of a person who sees what names a customer. It changes nothing.
const ShowPersonal = "show_personal"

// RecordShown writes one row of actions_log for each user whose personal data will be
// shown. what names the part, such as a tab; it is no value. Where a row is missing, the
// data must not be shown.
func (s *Actions) RecordShown(ctx context.Context, what string, users ...string) error {
	for _, user := range users {
		a, err := s.begin(ShowPersonal, true)
		if err != nil {
			return err
		}
		a.user, a.object = transform.Guard(user), what
		if err := a.step(ctx, stepFinal, "", Done, 0, "shown"); err != nil {
			return fmt.Errorf("nothing is shown, since it could not be recorded: %w", err)
		}
	}
	return nil
}
