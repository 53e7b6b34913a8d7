package pianoapi

import (
	"context"
	"iter"
	"math/rand/v2"
	"time"
)

// Store is what the API has to show. It is used by several goroutines at once.
type Store interface {
	// List gives the part of a list that is asked for, and how long the list is.
	List(Query) (part []Subscription, total int)
	// Get gives one, with its details, by the id that the API knows.
	Get(id string) (Subscription, bool)
	// All yields every one, for exports. It may be slow, and see changes.
	All() iter.Seq[*Subscription]
}

// Query says which list, and which part of it.
type Query struct {
	Status        string // empty: of every status
	UserID        string // empty: of everybody
	SelectBy      string // the order: update, create, next_bill, last_bill
	Offset, Limit int
}

// Actor is a store whose subscriptions can be acted on. An error that is a
// *apiError is what Piano says to it; any other is a failure of the server.
type Actor interface {
	// Update changes auto-renew and the next bill date, each where it is not nil.
	Update(ctx context.Context, id string, autoRenew *bool, nextBill *time.Time) (Subscription, error)
	Cancel(ctx context.Context, id string, refund bool) (bool, error)
	CancelDeferred(ctx context.Context, id string) (bool, error)
	Resume(ctx context.Context, id string) (bool, error)
	CanChange(id string) (bool, error)
	Change(ctx context.Context, c Change) (bool, error)
	CancelChange(ctx context.Context, id string) (bool, error)
	ChangeStatus(ctx context.Context, uid, id string) (int, error)
}

// Change is a change of term that is asked for.
type Change struct {
	UserID, SubscriptionID, ToTerm string
	// Timing is when it is billed: 0 now, else at the end of a period.
	Timing int
}

// Shifter is a store whose rows can be made to move.
type Shifter interface {
	// Shift moves a few rows of lists, as if somebody had updated them.
	Shift(dice *rand.Rand)
}
