package promotion

import (
	"context"
	"time"

	"github.com/pianola/pianola/internal/promo/store"
	"github.com/pianola/pianola/transform"
)

// Actor is who acts, why, and in which process. The reason may be empty.
type Actor struct{ Name, Reason, Instance string }

// LogTo is a Record that writes actions_log in the name of an actor. A row whose insert had no
// answer may be there twice.
func LogTo(s store.Store, actor Actor, now func() time.Time) Record {
	return func(ctx context.Context, step Step) error {
		at := now().UTC().Truncate(time.Millisecond)
		return s.Insert(ctx, "actions_log", "action_id, step, action, request, actor, reason, object, outcome, code, answer, instance, written_at", 1, func(int) []any {
			return []any{
				step.ActionID, step.Step, step.Action, step.Request, transform.Guard(actor.Name), transform.Guard(actor.Reason), transform.Guard(step.Object),
				string(step.Outcome), int32(step.Code), transform.Guard(step.Answer), actor.Instance, at,
			}
		})
	}
}
