package pianoapi

import (
	"context"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
)

// Store holds the subscriptions of the API. Its methods are safe for concurrent use.
type Store interface {
	// List returns the requested part of a list, and the length of the list.
	List(Query) (part []Subscription, total int)
	// Get returns one subscription with details.
	Get(id string) (Subscription, bool)
	// All yields every subscription, for exports. It may see concurrent changes.
	All() iter.Seq[*Subscription]
}

// Query selects a list and a part of it.
type Query struct {
	Status        string // empty selects every status
	UserID        string // empty selects every user
	SelectBy      string // the order: update, create, next_bill, last_bill
	Offset, Limit int
}

// Actor is a Store with actions. An *wire.Error is the answer of Piano; any other
// error is a failure of the server.
type Actor interface {
	// Update changes auto-renew and the next bill date, unless nil.
	Update(ctx context.Context, id string, autoRenew *bool, nextBill *time.Time) (bool, error)
	// SetPaymentMethod sets with what the next period is paid.
	SetPaymentMethod(ctx context.Context, id, method string) (bool, error)
	Cancel(ctx context.Context, id string, refund bool) (bool, error)
	CancelDeferred(ctx context.Context, id string) (bool, error)
	Resume(ctx context.Context, id string) (bool, error)
	CanChange(id string) (bool, error)
	Change(ctx context.Context, c Change) (bool, error)
	CancelChange(ctx context.Context, id string) (bool, error)
	// ChangeStatus returns nil without a change.
	ChangeStatus(ctx context.Context, uid, id string) (*int, error)
}

// Change is a request to change the term.
type Change struct {
	UserID, SubscriptionID, ToTerm string
	// Timing is 0 for billing now, and otherwise at the end of the period.
	Timing int
}

// Desk is a Store with more endpoints, such as those of customer care. They are safe for
// concurrent use.
type Desk interface {
	Store
	Endpoints() []wire.Endpoint
}

// Shifter is a Store whose rows can move between pages.
type Shifter interface {
	// Shift moves a few rows of lists, as updates do.
	Shift(dice *rand.Rand)
}
